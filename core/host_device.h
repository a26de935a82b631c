// Marks on functions. DLENGINE_HOST_DEVICE: CUDA kernels call it too; empty outside of nvcc.
// DLENGINE_VECTORIZED: a hot loop of its own, compiled for several x86-64 levels, of which the best one is
// taken when the program starts; floats are never contracted, so all give the same bits. Empty for other
// compilers and processors.
#pragma once

#ifdef __CUDACC__
#define DLENGINE_HOST_DEVICE __host__ __device__
#else
#define DLENGINE_HOST_DEVICE
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define DLENGINE_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DLENGINE_VECTORIZED
#endif
