// Cells of recurrent layers, a thread per unit; what a unit does is in kernels/recurrent_cells.h.
#include "dlengine/kernels/recurrent_cells.h"

#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/walk.cuh"

namespace dlengine::cuda {

namespace {

template <typename Cell>
__global__ void cell_kernel(int64_t units, Cell cell) {
  const int64_t i = thread_number();
  if (i < units) cell(i);
}

template <typename Cell>
void launch_cell(const Tensor& units, const Cell& cell) {
  const int64_t n = units.numel();
  if (n == 0) return;
  DLENGINE_LAUNCH(cell_kernel<Cell>, blocks_for(n, kThreads), kThreads, 0, enter(units.device()), n, cell);
}

}  // namespace

void CudaBackend::lstm_cell(const Tensor& gates, const Tensor& c0, Tensor& saved, Tensor& c, Tensor& h) {
  visit_floating(h.dtype(), "lstm_cell", [&]<typename T>(Type<T>) {
    launch_cell(h, LstmCell<T>{h.shape()[1], gates.data<T>(), c0.data<T>(), saved.data<T>(), c.data<T>(),
                               h.data<T>()});
  });
}

void CudaBackend::lstm_cell_grad(const Tensor& saved, const Tensor& c0, const Tensor& c, const Tensor& dh,
                                 const Tensor& dc, Tensor& dgates, Tensor& dc0) {
  visit_floating(dh.dtype(), "lstm_cell_grad", [&]<typename T>(Type<T>) {
    launch_cell(dh, LstmCellGrad<T>{dh.shape()[1], saved.data<T>(), c0.data<T>(), c.data<T>(), dh.data<T>(),
                                    dc.data<T>(), dgates.data<T>(), dc0.data<T>()});
  });
}

void CudaBackend::gru_cell(const Tensor& gx, const Tensor& gh, const Tensor& h0, Tensor& saved, Tensor& h) {
  visit_floating(h.dtype(), "gru_cell", [&]<typename T>(Type<T>) {
    launch_cell(
        h, GruCell<T>{h.shape()[1], gx.data<T>(), gh.data<T>(), h0.data<T>(), saved.data<T>(), h.data<T>()});
  });
}

void CudaBackend::gru_cell_grad(const Tensor& saved, const Tensor& h0, const Tensor& dh, Tensor& dgx,
                                Tensor& dgh, Tensor& dh0) {
  visit_floating(dh.dtype(), "gru_cell_grad", [&]<typename T>(Type<T>) {
    launch_cell(dh, GruCellGrad<T>{dh.shape()[1], saved.data<T>(), h0.data<T>(), dh.data<T>(), dgx.data<T>(),
                                   dgh.data<T>(), dh0.data<T>()});
  });
}

}  // namespace dlengine::cuda
