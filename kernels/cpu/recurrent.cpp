// Cells of recurrent layers; what a unit does is in kernels/recurrent_cells.h.
#include "dlengine/kernels/recurrent_cells.h"

#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/launch.h"

namespace dlengine {

namespace {

constexpr int64_t kUnitsGrain = 512;  // a unit has five exponentials

template <typename Cell>
void launch_cell(const Tensor& units, Cell cell) {
  launch_for(units.numel(), kUnitsGrain, [cell](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) cell(i);
  });
}

}  // namespace

void CpuBackend::lstm_cell(const Tensor& gates, const Tensor& c0, Tensor& saved, Tensor& c, Tensor& h) {
  visit_floating(h.dtype(), "lstm_cell", [&]<typename T>(Type<T>) {
    launch_cell(h, LstmCell<T>{h.shape()[1], gates.data<T>(), c0.data<T>(), saved.data<T>(), c.data<T>(),
                               h.data<T>()});
  });
}

void CpuBackend::lstm_cell_grad(const Tensor& saved, const Tensor& c0, const Tensor& c, const Tensor& dh,
                                const Tensor& dc, Tensor& dgates, Tensor& dc0) {
  visit_floating(dh.dtype(), "lstm_cell_grad", [&]<typename T>(Type<T>) {
    launch_cell(dh, LstmCellGrad<T>{dh.shape()[1], saved.data<T>(), c0.data<T>(), c.data<T>(), dh.data<T>(),
                                    dc.data<T>(), dgates.data<T>(), dc0.data<T>()});
  });
}

void CpuBackend::gru_cell(const Tensor& gx, const Tensor& gh, const Tensor& h0, Tensor& saved, Tensor& h) {
  visit_floating(h.dtype(), "gru_cell", [&]<typename T>(Type<T>) {
    launch_cell(
        h, GruCell<T>{h.shape()[1], gx.data<T>(), gh.data<T>(), h0.data<T>(), saved.data<T>(), h.data<T>()});
  });
}

void CpuBackend::gru_cell_grad(const Tensor& saved, const Tensor& h0, const Tensor& dh, Tensor& dgx,
                               Tensor& dgh, Tensor& dh0) {
  visit_floating(dh.dtype(), "gru_cell_grad", [&]<typename T>(Type<T>) {
    launch_cell(dh, GruCellGrad<T>{dh.shape()[1], saved.data<T>(), h0.data<T>(), dh.data<T>(), dgx.data<T>(),
                                   dgh.data<T>(), dh0.data<T>()});
  });
}

}  // namespace dlengine
