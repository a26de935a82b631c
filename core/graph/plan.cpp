// Checking a program for one batch size.
#include "dlengine/core/graph/plan.h"

#include <algorithm>
#include <optional>

#include "dlengine/core/check.h"

namespace dlengine {
namespace {

using Kind = GraphValue::Kind;

int64_t bytes_of(const Shape& shape, DType dtype) {
  int64_t bytes = static_cast<int64_t>(size_of(dtype));
  for (const int64_t size : shape) {
    check<IoError>(!__builtin_mul_overflow(bytes, size, &bytes), "{} has too many elements", shape);
  }
  return bytes;
}

/// Behind the last element of the view.
int64_t end_of(const PlannedView& view) {
  int64_t end = view.offset + 1;
  for (int axis = 0; axis < view.shape.rank(); ++axis) {
    if (view.shape[axis] == 0) return view.offset;
  }
  int64_t step = 0;
  for (int axis = 0; axis < view.shape.rank(); ++axis) {
    check<IoError>(!__builtin_mul_overflow(view.shape[axis] - 1, view.strides[axis], &step) &&
                       !__builtin_add_overflow(end, step, &end),
                   "%{} has strides {} that lead too far", view.value, view.strides);
  }
  return end;
}

bool same(const PlannedView& a, const PlannedView& b) {
  return a.offset == b.offset && a.shape == b.shape && a.strides == b.strides;
}

bool is_without_gaps(const PlannedView& view) {
  return is_contiguous(view.shape, view.strides) ||
         (view.shape.rank() == 4 && is_channels_last(view.shape, view.strides));
}

/// What is written lies apart from all else that the call is given, or is one of it where that may be.
void check_apart(const BackendFunction& function, const std::vector<PlannedView>& views) {
  for (size_t i = 0; i < views.size(); ++i) {
    for (size_t j = 0; j < views.size() && function.writes[i]; ++j) {
      const PlannedView &written = views[i], &other = views[j];
      const bool apart = i == j || written.value < 0 || written.value != other.value ||
                         written.offset >= end_of(other) || other.offset >= end_of(written);
      check<IoError>(apart || (function.in_place && same(written, other)),
                     "a result overlaps another tensor of the call in %{}", written.value);
    }
  }
}

class Planner {
 public:
  Planner(const GraphData& data, const GraphProgram& program, int64_t batch)
      : data_(data), program_(program), batch_(batch) {
    const size_t count = program.values.size();
    types_.resize(count);
    written_.resize(count);
    last_use_.assign(count, -1);
    for (const GraphValue& value : program.values) plan_.bytes.push_back(bytes_of_value(value));
    for (const int64_t bytes : plan_.bytes) {
      // Without memory: nothing is computed here.
      memory_.push_back(std::make_shared<Storage>(nullptr, static_cast<size_t>(bytes), kCpu, nullptr));
    }
  }

  void add_call(const GraphCall& call, const BoundCall& bound) {
    check<IoError>(call.tensors.size() == call.function->writes.size(), "{} tensors are given, {} needed",
                   call.tensors.size(), call.function->writes.size());
    GraphPlan::Call planned;
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < call.tensors.size(); ++i) {
      const PlannedView view = resolved(call.tensors[i]);
      planned.tensors.push_back(view);
      tensors.push_back(view.value < 0 ? Tensor() : tensor_of(view));
      if (view.value >= 0) use(view, call.function->writes[i], planned);
    }
    bound.check(tensors);
    check_apart(*call.function, planned.tensors);
    plan_.calls.push_back(std::move(planned));
  }

  GraphPlan finish() {
    for (const GraphView& output : program_.outputs) {
      const PlannedView view = resolved(output);
      check<IoError>(view.value >= 0 && is_filled(view.value), "a result is not computed");
      plan_.outputs.push_back(view);
      last_use_[static_cast<size_t>(view.value)] = -1;
    }
    for (size_t value = 0; value < last_use_.size(); ++value) {
      const int call = last_use_[value];
      if (call >= 0) plan_.calls[static_cast<size_t>(call)].ends.push_back(static_cast<int>(value));
    }
    return std::move(plan_);
  }

 private:
  const GraphValue& value(int number) const { return program_.values[static_cast<size_t>(number)]; }

  int64_t bytes_of_value(const GraphValue& value) {
    const auto number = static_cast<size_t>(value.number);
    if (value.kind == Kind::computed) return value.bytes.at(batch_);
    if (value.kind == Kind::input) {
      check<IoError>(value.number >= 0 && number < data_.inputs.size(), "there is no input {}", value.number);
      return bytes_of(at(data_.inputs[number].shape, batch_), data_.inputs[number].dtype);
    }
    check<IoError>(value.number >= 0 && number < data_.constants.size(), "there is no constant {}",
                   value.number);
    const Tensor& constant = data_.constants[number].second;
    return bytes_of(constant.shape(), constant.dtype());
  }

  std::optional<DType> type_of_memory(const GraphValue& value) const {
    if (value.kind == Kind::input) return data_.inputs[static_cast<size_t>(value.number)].dtype;
    if (value.kind == Kind::constant)
      return data_.constants[static_cast<size_t>(value.number)].second.dtype();
    return std::nullopt;
  }

  PlannedView resolved(const GraphView& view) {
    if (view.value < 0) return {};
    const auto number = static_cast<size_t>(view.value);
    check<IoError>(number < program_.values.size(), "there is no value %{}", view.value);
    check<IoError>(view.shape.size() == view.strides.size() && view.shape.size() <= size_t{kMaxRank},
                   "{} sizes and {} strides are given, at most {} are possible", view.shape.size(),
                   view.strides.size(), kMaxRank);
    if (!types_[number]) types_[number] = type_of_memory(program_.values[number]).value_or(view.dtype);
    check<IoError>(types_[number] == view.dtype, "%{} is used as {} and as {}", view.value, *types_[number],
                   view.dtype);
    PlannedView planned{view.value, view.offset.at(batch_), at(view.shape, batch_), at(view.strides, batch_),
                        view.dtype};
    check_bounds(planned, plan_.bytes[number]);
    return planned;
  }

  static void check_bounds(const PlannedView& view, int64_t bytes) {
    bytes_of(view.shape, view.dtype);  // the number of elements can be counted
    const int64_t end = end_of(view), room = bytes / static_cast<int64_t>(size_of(view.dtype));
    check<IoError>(end <= room, "a view of %{} ends at element {}, it has {}", view.value, end, room);
  }

  /// All of the value that the view is of.
  PlannedView whole(const PlannedView& view) const {
    const int64_t room =
        plan_.bytes[static_cast<size_t>(view.value)] / static_cast<int64_t>(size_of(view.dtype));
    return {view.value, 0, {room}, {1}, view.dtype};
  }

  Tensor tensor_of(const PlannedView& view) const {
    return {memory_[static_cast<size_t>(view.value)], view.offset, view.shape, view.strides, view.dtype};
  }

  bool is_filled(int number) const {
    return value(number).kind != Kind::computed || written_[static_cast<size_t>(number)];
  }

  void use(const PlannedView& view, bool writes, GraphPlan::Call& call) {
    const int number = view.value;
    check<IoError>(!writes || value(number).kind == Kind::computed,
                   "%{} is an input or a constant and is written", number);
    check<IoError>(writes || is_filled(number), "%{} is read before it is written", number);
    if (writes && !written_[static_cast<size_t>(number)]) {
      written_[static_cast<size_t>(number)] = true;
      call.begins.push_back(number);
      const PlannedView all = whole(view);
      const bool in_full = view.shape.product() == all.shape.product() && is_without_gaps(view);
      if (!in_full) call.zeroed.push_back(all);
    }
    if (value(number).kind == Kind::computed) {
      last_use_[static_cast<size_t>(number)] = static_cast<int>(plan_.calls.size());
    }
  }

  const GraphData& data_;
  const GraphProgram& program_;
  int64_t batch_;
  GraphPlan plan_;
  std::vector<std::optional<DType>> types_;
  std::vector<bool> written_;
  std::vector<int> last_use_;  // of what is computed; -1: never, or a result
  std::vector<std::shared_ptr<Storage>> memory_;
};

}  // namespace

std::vector<BoundCall> bound_calls(const GraphProgram& program) {
  std::vector<BoundCall> bound;
  for (const GraphCall& call : program.calls) {
    try {
      bound.push_back(call.function->bind(*call.function, call.attributes));
    } catch (Error& error) {
      error.add_context(fmt::format("call {} ({})", bound.size(), call.function->name));
      throw;
    }
  }
  return bound;
}

GraphPlan make_plan(const GraphData& data, const GraphProgram& program, const std::vector<BoundCall>& calls,
                    int64_t batch) {
  Planner planner(data, program, batch);
  for (size_t i = 0; i < program.calls.size(); ++i) {
    try {
      planner.add_call(program.calls[i], calls[i]);
    } catch (const Error& error) {
      fail<IoError>("call {} ({}): {}", i, program.calls[i].function->name, error.what());
    }
  }
  return planner.finish();
}

}  // namespace dlengine
