// Chapter 1, tensors: what NumPy's arrays do, on images: axes, indexing, broadcasting, products, order,
// chance.
#include <fmt/format.h>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

void show(const std::string& code, const Tensor& x) { fmt::print("{} ->\n{}\n\n", code, to_string(x)); }

void print_basics() {
  const Tensor x = arange(0, 24).reshape({2, 3, 4});
  show("scalar(12)", scalar(12));
  show("arange(0, 24).reshape({2, 3, 4})", x);
  show("x.index({0, Slice(1), Slice(0, kEnd, 2)})", x.index({0, Slice(1), Slice(0, kEnd, 2)}));
  show("x.index({kEllipsis, Slice(-2)})", x.index({kEllipsis, Slice(-2)}));
  show("sum(x, {.axes = {0, 2}})", sum(x, {.axes = {0, 2}}));
  show("argmax(x, 1)", argmax(x, 1));
  show("cumsum(eye(3))", cumsum(eye(3)));
  show("argsort(tensor({3, 1, 2}))", argsort(tensor({3, 1, 2})));
  show("clip(linspace(-2, 2, 5), -1, 1)", clip(linspace(-2, 2, 5), -1, 1));
  show("one_hot", one_hot(arange(0, 3, 1, DType::i64), 3));
  show("greater(x, 20)", greater(x, scalar(20)).index({1}));
  show("zeros({100, 100})", zeros({100, 100}));
}

/// The course's digits: a batch of 28 x 28, cut and turned.
void draw_images(apps::Chapter& chapter) {
  const Tensor all = chapter.digits().train.x().to(DType::f32).reshape({-1, 28, 28});
  const Tensor x = all.index({Slice(10, 100)}).index({Slice(0, 3)}) / 255.0;
  Figure figure(
      {.title = "A batch of digits, indexed", .columns = 3, .panel_width = 300, .panel_height = 140});
  const std::pair<const char*, Tensor> views[] = {
      {"x = images[10:13]", x},
      {"x[:, 14:, 14:], the lower right", x.index({Slice(), Slice(14), Slice(14)})},
      {"x[:, 7:-7, 7:-7], the middle", x.index({Slice(), Slice(7, -7), Slice(7, -7)})},
      {"x[:, ::2, ::2], every second pixel", x.index({Slice(), Slice(0, kEnd, 2), Slice(0, kEnd, 2)})},
      {"flip(x, {2})", flip(x, {2})},
      {"x.transpose(1, 2)", x.transpose(1, 2)},
      {"pad(x, 8 pixels of 0.5)", pad(x, {{0, 0}, {8, 8}, {8, 8}}, 0.5)},
      {"where(x > 0.5, 1 - x, x)", where(greater(x, scalar(0.5)), 1 - x, x)},
      {"sort(x, 1): each column", sort(x, 1)},
  };
  for (const auto& [code, images] : views) {
    figure.panel({.title = code, .axes = false}).images(images, {.columns = 3, .low = 0, .high = 1});
  }
  chapter.save(figure);
  chapter.result("batch_axes", x.ndim());
  chapter.result("corner_size", double(views[1].second.dim(2)));
}

void draw_numbers(const apps::Chapter& chapter) {
  Figure figure({.columns = 2, .panel_width = 400});
  const Tensor row = linspace(0, 6, 61), column = linspace(0, 4, 41).unsqueeze(1);
  figure
      .panel(
          {.title = "Broadcasting: sin(row [61]) * column [41, 1]", .x = {.label = "j"}, .y = {.label = "i"}})
      .heat_map(sin(row) * column, {.colors = ColorMap::diverging});
  Panel& walks = figure.panel(
      {.title = "Random walks: cumsum(randn({5, 300}), 1)", .x = {.label = "step"}, .y = {.label = "sum"}});
  const Tensor walk = cumsum(randn({5, 300}), 1);
  for (int i = 0; i < 5; ++i) walks.line(arange(1, 301), walk.select(0, i), {.width = 1.5});
  figure.panel({.title = "10000 numbers", .x = {.label = "value"}, .y = {.label = "count"}})
      .histogram(randn({10000}), {.name = "randn", .bins = 64, .from = -4, .to = 4})
      .histogram(rand({10000}), {.name = "rand", .bins = 64, .from = -4, .to = 4});
  const Tensor drawn = one_hot(choice(4, {10000}, {.p = {0.1, 0.2, 0.3, 0.4}}), 4);
  figure
      .panel({.title = "choice(4, 10000 times, p = 0.1 to 0.4)",
              .x = {.label = "position"},
              .y = {.label = "share"}})
      .bars(arange(0, 4), mean(drawn, {.axes = {0}}));
  chapter.save(figure, "numbers");

  const Tensor batch = randn({64, 3, 32, 10}), plane = randn({32, 10});
  chapter.result("broadcast_elements", double(maximum(batch, plane).numel()));
  chapter.result("dot", dot(tensor({1, 2, 3}), tensor({4, 5, 6})).item<double>());
  chapter.result("tensordot_axes", tensordot(batch, plane).ndim());
  chapter.result("std_of_randn", stddev(randn({100000})).item<double>());
}

void chapter(apps::Chapter& chapter) {
  print_basics();
  draw_images(chapter);
  draw_numbers(chapter);
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"01_tensors", "Tensors as in NumPy."}, argc, argv, chapter);
}
