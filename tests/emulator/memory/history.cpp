// See history.h.
#include "tests/emulator/memory/history.h"

#include <algorithm>
#include <map>
#include <vector>

namespace dlengine::emulator {

namespace {

struct Beginning {
  Moment first;
  OperationId operation;
};

struct Past {
  std::vector<Beginning> beginnings{{0, 0}};
  std::vector<std::vector<OperationId>> sets;
  std::map<std::vector<OperationId>, uint64_t> set_numbers;
  uint64_t joined_key = 0;  // the last join, as neighbours in memory have mostly the same past
  Stamp joined;
  size_t next_known = 0;
};

Past& past() {
  static Past& all = *new Past;  // used until the very end of the process
  return all;
}

size_t beginning_of(Moment moment) {
  const auto& all = past().beginnings;
  const auto after =
      std::upper_bound(all.begin(), all.end(), moment,
                       [](Moment value, const Beginning& entry) { return value < entry.first; });
  return size_t(after - all.begin()) - 1;
}

Moment end_of(size_t index) {
  const auto& all = past().beginnings;
  return index + 1 < all.size() ? all[index + 1].first : history.now + 1;
}

std::vector<OperationId> operations_behind(Stamp stamp) {
  if (stamp.is_set()) return past().sets[stamp.set_number()];
  return {operation_at(stamp.moment())};
}

}  // namespace

void enter_operation() {
  if (history.operation_begin != 0 && history.operation == running_operation()) return;
  history.operation = running_operation();
  history.operation_begin = ++history.now;
  past().beginnings.push_back({history.now, history.operation});
  past().joined_key = 0;
  for (MomentRange& range : history.known_earlier) range = {};
}

OperationId operation_at(Moment moment) { return past().beginnings[beginning_of(moment)].operation; }

bool find_whether_earlier(Moment moment) {
  const auto& all = past().beginnings;
  const size_t found = beginning_of(moment);
  if (!precedes_running(all[found].operation)) return false;
  // Neighbours mostly come before it as well, and are asked for next.
  constexpr size_t kNeighbours = 64;
  size_t first = found, last = found;
  while (first > 0 && found - first < kNeighbours && precedes_running(all[first - 1].operation)) --first;
  while (last + 1 < all.size() && last - found < kNeighbours &&
         all[last + 1].first < history.operation_begin && precedes_running(all[last + 1].operation)) {
    ++last;
  }
  history.known_earlier[past().next_known++ % std::size(history.known_earlier)] = {
      all[first].first, end_of(last) - all[first].first};
  return true;
}

bool set_is_earlier(uint64_t set_number) {
  return std::ranges::all_of(past().sets[set_number], precedes_running);
}

Stamp join_operations(Stamp earlier) {
  Past& all = past();
  const uint64_t key = earlier.is_set()
                           ? earlier.identity()
                           : Stamp::of(all.beginnings[beginning_of(earlier.moment())].first, 0).identity();
  if (key == all.joined_key) return all.joined;
  std::vector<OperationId> operations = operations_behind(earlier);
  std::erase_if(operations, [](OperationId operation) {
    return operation == history.operation || precedes_running(operation);
  });
  operations.push_back(history.operation);
  const auto [found, is_new] = all.set_numbers.try_emplace(operations, all.sets.size());
  if (is_new) all.sets.push_back(operations);
  all.joined_key = key;
  return all.joined = Stamp::of_set(found->second);
}

OperationId unordered_operation(Stamp stamp) {
  for (const OperationId operation : operations_behind(stamp)) {
    if (operation != history.operation && !precedes_running(operation)) return operation;
  }
  return history.operation;
}

}  // namespace dlengine::emulator
