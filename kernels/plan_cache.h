// A bounded cache of what a vendor library prepared for one set of shapes and options.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace dlengine {

/// Hash of several values, for a key's hash().
template <typename... T>
size_t hash_of(const T&... values) {
  size_t hash = 0;
  ((hash ^= std::hash<T>{}(values) + 0x9E3779B97F4A7C15u + (hash << 6) + (hash >> 2)), ...);
  return hash;
}

/// Key: a struct with a defaulted operator== and `size_t hash() const`. Plan: what make() prepares; it is
/// shared by all threads, so it must not change while it is used. The plan that was not asked for longest is
/// dropped when the cache is full. Thread-safe; a plan is prepared outside of the lock, so two threads may at
/// worst prepare the same one.
template <typename Key, typename Plan>
class PlanCache {
 public:
  struct Stats {
    int64_t hits = 0;
    int64_t misses = 0;
  };

  explicit PlanCache(size_t capacity = 512) : capacity_(capacity) {}

  /// The plan for the key; make() returns a std::shared_ptr<Plan> where there is none yet.
  template <typename Make>
  std::shared_ptr<Plan> get(const Key& key, Make&& make) {
    if (std::shared_ptr<Plan> plan = find(key)) return plan;
    std::shared_ptr<Plan> plan = make();
    insert(key, plan);
    return plan;
  }

  Stats stats() const {
    const std::scoped_lock lock(mutex_);
    return stats_;
  }
  size_t size() const {
    const std::scoped_lock lock(mutex_);
    return plans_.size();
  }

 private:
  using Entry = std::pair<Key, std::shared_ptr<Plan>>;
  struct Hash {
    size_t operator()(const Key& key) const { return key.hash(); }
  };

  std::shared_ptr<Plan> find(const Key& key) {
    const std::scoped_lock lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) {
      ++stats_.misses;
      return nullptr;
    }
    ++stats_.hits;
    plans_.splice(plans_.begin(), plans_, found->second);
    return found->second->second;
  }

  void insert(const Key& key, const std::shared_ptr<Plan>& plan) {
    const std::scoped_lock lock(mutex_);
    if (places_.contains(key)) return;
    plans_.emplace_front(key, plan);
    places_.emplace(key, plans_.begin());
    if (plans_.size() > capacity_) {
      places_.erase(plans_.back().first);
      plans_.pop_back();
    }
  }

  const size_t capacity_;
  mutable std::mutex mutex_;
  std::list<Entry> plans_;  // the last one used is in front
  std::unordered_map<Key, typename std::list<Entry>::iterator, Hash> places_;
  Stats stats_;
};

}  // namespace dlengine
