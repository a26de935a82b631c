// The tape as boxes and arrows, and those as DOT.
#include "dlengine/core/diagram.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "dlengine/core/check.h"
#include "dlengine/core/node.h"

namespace dlengine {
namespace {

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

const char* style_of(Diagram::Kind kind) {
  switch (kind) {
    case Diagram::Kind::operation: return "shape=box, style=rounded";
    case Diagram::Kind::input: return "shape=ellipse";
    case Diagram::Kind::parameter: return "shape=box, style=dashed";
    case Diagram::Kind::result: return "shape=box, style=bold";
  }
  return "";
}

/// Boxes of leaves and of nodes, by what they stand for.
class TapeReader {
 public:
  explicit TapeReader(const NamedTensors& names) {
    for (const auto& [name, tensor] : names) names_.emplace(tensor.impl().get(), name);
  }

  Diagram read(const std::shared_ptr<Node>& root) {
    collect(root.get());
    // Operations come in the order in which they were recorded, each behind its leaves.
    for (const auto& [sequence, node] : nodes_) add(*node);
    diagram_.boxes.back().kind = Diagram::Kind::result;
    return std::move(diagram_);
  }

 private:
  /// All nodes from this one on; without recursion, as a tape may be longer than the stack is deep.
  void collect(Node* root) {
    std::vector<Node*> pending = {root};
    while (!pending.empty()) {
      Node* const node = pending.back();
      pending.pop_back();
      if (!nodes_.emplace(node->sequence, node).second) continue;
      check<AutogradError>(!node->released, "tape_diagram: the tape was used up by an earlier backward()");
      for (Node::Input& input : node->inputs) {
        if (input.node) pending.push_back(input.node.get());
      }
    }
  }

  int add_box(const void* key, Diagram::Box box) {
    diagram_.boxes.push_back(std::move(box));
    return boxes_[key] = static_cast<int>(diagram_.boxes.size()) - 1;
  }

  int box_of_leaf(const Tensor& leaf) {
    const auto known = boxes_.find(leaf.impl().get());
    if (known != boxes_.end()) return known->second;
    const auto name = names_.find(leaf.impl().get());
    const std::string title = name == names_.end() ? "leaf" : name->second;
    return add_box(leaf.impl().get(),
                   {{title, fmt::format("{} {}", leaf.dtype(), leaf.shape())}, Diagram::Kind::parameter});
  }

  void add(Node& node) {
    std::vector<int> from;
    for (Node::Input& input : node.inputs) {
      if (input.node) from.push_back(boxes_.at(input.node.get()));
      if (input.leaf) from.push_back(box_of_leaf(Tensor(input.leaf)));
    }
    const int to = add_box(&node, {{node.name, fmt::format("{} {}", node.dtype, node.shape)}});
    for (const int box : from) diagram_.arrows.push_back({box, to});
  }

  std::unordered_map<const void*, std::string> names_;
  std::map<uint64_t, Node*> nodes_;  // by their place on the tape
  std::unordered_map<const void*, int> boxes_;
  Diagram diagram_;
};

}  // namespace

std::string to_dot(const Diagram& diagram) {
  std::string text = "digraph {\n  node [fontname=\"sans-serif\", fontsize=11]\n";
  for (size_t i = 0; i < diagram.boxes.size(); ++i) {
    std::string label;
    for (const std::string& line : diagram.boxes[i].lines)
      label += (label.empty() ? "" : "\\n") + escaped(line);
    text += fmt::format("  b{} [label=\"{}\", {}]\n", i, label, style_of(diagram.boxes[i].kind));
  }
  for (const Diagram::Arrow& arrow : diagram.arrows) {
    const std::string label = arrow.text.empty() ? "" : fmt::format(" [label=\"{}\"]", escaped(arrow.text));
    text += fmt::format("  b{} -> b{}{}\n", arrow.from, arrow.to, label);
  }
  return text + "}\n";
}

Diagram tape_diagram(const Tensor& result, const NamedTensors& names) {
  check<AutogradError>(result.defined() && result.impl()->node,
                       "tape_diagram: the tensor is not the result of a recorded operation");
  return TapeReader(names).read(result.impl()->node);
}

std::string to_dot(const Tensor& result, const NamedTensors& names) {
  return to_dot(tape_diagram(result, names));
}

}  // namespace dlengine
