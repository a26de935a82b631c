// DLENGINE_HOST_DEVICE marks functions that CUDA kernels call too; it is empty outside of nvcc.
#pragma once

#ifdef __CUDACC__
#define DLENGINE_HOST_DEVICE __host__ __device__
#else
#define DLENGINE_HOST_DEVICE
#endif
