// Layers, the order within them, and places.
#include "dlengine/train/plot/layered.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace dlengine::plot {
namespace {

constexpr double kGap = 18;       // between neighbours
constexpr double kLayerGap = 34;  // between layers, for the arrows
constexpr double kBend = 4;       // width of the place where an arrow passes a layer
constexpr int kSweeps = 12;

/// A box, or a place where a long arrow passes a layer.
struct Spot {
  double width = kBend, height = 0;
  int layer = 0;
  double middle = 0;
  std::vector<size_t> above, below;  // neighbours
};

class Layout {
 public:
  Layout(const Diagram& diagram, const std::vector<BoxSize>& sizes) : diagram_(diagram) {
    for (const BoxSize& size : sizes) {
      spots_.emplace_back();
      spots_.back().width = size.width;
      spots_.back().height = size.height;
    }
    find_layers();
    for (const Diagram::Arrow& arrow : diagram.arrows) connect(arrow);
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      for (size_t i = 0; i < layers_.size(); ++i) settle(layers_[i], true);
      for (size_t i = layers_.size(); i-- > 0;) settle(layers_[i], false);
    }
  }

  Layered places() {
    Layered result;
    if (spots_.empty()) return result;
    const std::vector<double> tops = tops_of_layers();
    double left = spots_[0].middle, right = left;
    for (const Spot& spot : spots_) {
      left = std::min(left, spot.middle - spot.width / 2);
      right = std::max(right, spot.middle + spot.width / 2);
    }
    for (Spot& spot : spots_) spot.middle -= left;
    for (size_t i = 0; i < diagram_.boxes.size(); ++i) {
      const Spot& spot = spots_[i];
      result.boxes.push_back({spot.middle - spot.width / 2, tops[static_cast<size_t>(spot.layer)]});
    }
    for (const std::vector<size_t>& way : ways_) result.arrows.push_back(points(way, tops));
    result.width = right - left;
    result.height = tops.back() - kLayerGap;
    return result;
  }

 private:
  /// Each box below all that it depends on; what depends on nothing just above its first user.
  void find_layers() {
    std::vector<Diagram::Arrow> arrows = diagram_.arrows;
    std::sort(arrows.begin(), arrows.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
    std::vector<bool> is_source(spots_.size(), true);
    std::vector<int> first_user(spots_.size(), 0);
    for (const Diagram::Arrow& arrow : arrows) {
      int& layer = spots_[static_cast<size_t>(arrow.to)].layer;
      layer = std::max(layer, spots_[static_cast<size_t>(arrow.from)].layer + 1);
      is_source[static_cast<size_t>(arrow.to)] = false;
    }
    for (const Diagram::Arrow& arrow : arrows) {
      const int layer = spots_[static_cast<size_t>(arrow.to)].layer;
      int& first = first_user[static_cast<size_t>(arrow.from)];
      first = first == 0 ? layer : std::min(first, layer);
    }
    for (size_t i = 0; i < spots_.size(); ++i) {
      if (is_source[i] && first_user[i] > 0) spots_[i].layer = first_user[i] - 1;
      put(i);
    }
  }

  void put(size_t spot) {
    const auto number = static_cast<size_t>(spots_[spot].layer);
    if (layers_.size() <= number) layers_.resize(number + 1);
    layers_[number].push_back(spot);
  }

  /// The arrow's way, with a spot in every layer between its boxes.
  void connect(const Diagram::Arrow& arrow) {
    std::vector<size_t> way = {static_cast<size_t>(arrow.from)};
    const int last = spots_[static_cast<size_t>(arrow.to)].layer;
    for (int number = spots_[way[0]].layer + 1; number < last; ++number) {
      spots_.emplace_back();
      spots_.back().layer = number;
      put(spots_.size() - 1);
      way.push_back(spots_.size() - 1);
    }
    way.push_back(static_cast<size_t>(arrow.to));
    for (size_t i = 0; i + 1 < way.size(); ++i) {
      spots_[way[i]].below.push_back(way[i + 1]);
      spots_[way[i + 1]].above.push_back(way[i]);
    }
    ways_.push_back(std::move(way));
  }

  /// Where the spot would like to be: in the middle of its neighbours above (below).
  double wanted(const Spot& spot, bool from_above) const {
    const std::vector<size_t>& near = from_above ? spot.above : spot.below;
    double sum = 0;
    for (const size_t other : near) sum += spots_[other].middle;
    return near.empty() ? spot.middle : sum / static_cast<double>(near.size());
  }

  /// Places the spots of a layer near their neighbours, without overlap.
  void settle(std::vector<size_t>& layer, bool from_above) {
    std::vector<std::pair<double, size_t>> wishes;
    for (const size_t i : layer) wishes.emplace_back(wanted(spots_[i], from_above), i);
    std::stable_sort(wishes.begin(), wishes.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    const size_t count = wishes.size();
    const auto distance = [&](size_t i) {
      return (spots_[wishes[i].second].width + spots_[wishes[i + 1].second].width) / 2 + kGap;
    };
    // Packed from the left and from the right; the mean of both keeps the distances, too.
    std::vector<double> left(count), right(count);
    for (size_t i = 0; i < count; ++i) {
      left[i] = i == 0 ? wishes[i].first : std::max(wishes[i].first, left[i - 1] + distance(i - 1));
    }
    for (size_t i = count; i-- > 0;) {
      right[i] = i + 1 == count ? wishes[i].first : std::min(wishes[i].first, right[i + 1] - distance(i));
    }
    for (size_t i = 0; i < count; ++i) {
      layer[i] = wishes[i].second;
      spots_[layer[i]].middle = (left[i] + right[i]) / 2;
    }
  }

  /// Of all layers, and of what would be the next one.
  std::vector<double> tops_of_layers() const {
    std::vector<double> tops = {0};
    for (const std::vector<size_t>& layer : layers_) {
      double height = 0;
      for (const size_t i : layer) height = std::max(height, spots_[i].height);
      tops.push_back(tops.back() + height + kLayerGap);
    }
    return tops;
  }

  std::vector<Point> points(const std::vector<size_t>& way, const std::vector<double>& tops) const {
    std::vector<Point> result;
    for (size_t i = 0; i < way.size(); ++i) {
      const Spot& spot = spots_[way[i]];
      const auto number = static_cast<size_t>(spot.layer);
      const bool is_box = way[i] < diagram_.boxes.size();
      if (i > 0) result.push_back({spot.middle, tops[number]});
      // Straight through a layer, so that the arrow keeps clear of its boxes.
      if (i + 1 < way.size()) {
        result.push_back({spot.middle, is_box ? tops[number] + spot.height : tops[number + 1] - kLayerGap});
      }
    }
    return result;
  }

  const Diagram& diagram_;
  std::vector<Spot> spots_;  // those of boxes come first
  std::vector<std::vector<size_t>> layers_;
  std::vector<std::vector<size_t>> ways_;  // of the arrows
};

}  // namespace

Layered place_in_layers(const Diagram& diagram, const std::vector<BoxSize>& sizes) {
  return Layout(diagram, sizes).places();
}

}  // namespace dlengine::plot
