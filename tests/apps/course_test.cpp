// Every chapter of the course, run in its short form as a user runs it: its pictures and the numbers it is
// about.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <map>
#include <sstream>

#include "tests/apps/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/xml.h"

namespace dlengine::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Number {
  const char* name;
  double low, high;
};

struct ChapterCase {
  const char* name;
  std::vector<const char*> pictures;  // files
  std::vector<Number> numbers;        // lines "result name=value", and where the value has to lie
};

// One row per chapter.
const ChapterCase kChapters[] = {
    {"01_tensors",
     {"01_tensors.svg", "01_tensors_numbers.svg"},
     {{"batch_axes", 3, 3},
      {"corner_size", 14, 14},
      {"broadcast_elements", 64 * 3 * 32 * 10, 64 * 3 * 32 * 10},
      {"dot", 32, 32},
      {"tensordot_axes", 2, 2},
      {"std_of_randn", 0.99, 1.01}}},
    {"02_perceptrons",
     {"02_perceptrons.svg", "02_perceptrons_errors.svg"},
     {{"AND_by_hand_errors", 0, 0},
      {"OR_by_hand_errors", 0, 0},
      {"NAND_by_hand_errors", 0, 0},
      {"AND_learned_errors", 0, 0},
      {"OR_learned_errors", 0, 0},
      {"NAND_learned_errors", 0, 0},
      {"XOR_learned_errors", 1, 4},
      {"XOR_of_gates_errors", 0, 0},
      {"XOR_two_layers_errors", 0, 0}}},
    {"03_activations", {"03_activations.svg"}, {{"all_finite", 1, 1}, {"sigmoid_largest_slope", 0.25, 0.25}}},
    {"03b_many_layers",
     {"03b_many_layers.svg"},
     {{"log_softmax_at_1000", -2000, -2000}, {"naive_is_nan", 1, 1}}},
    {"04_losses",
     {"04_losses.svg"},
     {{"sum_of_squares_right", 0.09749, 0.09751},  // the book's numbers
      {"sum_of_squares_wrong", 0.59749, 0.59751},
      {"cross_entropy_textbook_right", 0.51082, 0.51083},
      {"cross_entropy_textbook_wrong", 2.30258, 2.30259},
      {"cross_entropy_keras_right", 0.51082, 0.51083},
      {"largest_from_logits", 29.9, 30.1},
      {"largest_clipped", 16.11, 16.12},  // -log(1e-7)
      {"largest_added", 16.11, 16.12},
      {"divergence", 0.08228, 0.08229},         // 0.3 log(0.3 / 0.5) + 0.7 log(0.7 / 0.5)
      {"mean_of_four", 0.62692, 0.62693},       // (3 * 0.126928 + 2.126928) / 4
      {"mean_with_weights", 1.12692, 1.12693},  // (3 * 0.126928 + 3 * 2.126928) / (3 + 3)
      {"logits_of_1000", 2000, 2000}}},
    // The worked example's numbers, to half of their last digit; tests/layers/course_test.cpp has all of
    // them.
    {"05_gradients",
     {"05_gradients.svg", "05_gradients_tape.svg"},
     {{"y", 0.6902825, 0.6902835},
      {"C", 0.0181035, 0.0181045},
      {"dC/dw53", 0.0276735, 0.0276745},
      {"y_after", 0.6820185, 0.6820195},
      {"hidden.weight.error", 0, 1e-9},
      {"output.weight.error", 0, 1e-9},
      {"best_error_f32", 1e-7, 1e-3},
      {"best_error_f64", 1e-14, 1e-8}}},
    {"06_optimizers",
     {"06_optimizers.svg", "06_optimizers_digits.svg", "06_optimizers_schedules.svg"},
     {{"bowl_sgd", 0, 1},
      {"bowl_momentum", 0, 1},
      {"bowl_adagrad", 0, 0.1},
      {"bowl_adam", 0, 0.5},
      {"bowl_nesterov", 0, 1},
      {"bowl_rmsprop", 0, 1},
      {"bowl_nadam", 0, 0.5},
      {"bowl_lion", 0, 1},
      {"bowl_muon", 0, 1},
      {"digits_sgd", 0, 2.4},
      {"digits_adam", 0, 2.2},
      {"digits_muon", 0, 2.2}}},
    {"06b_steps",
     {"06b_steps.svg"},
     {{"lowest_rate", 1e-4, 0.5},
      {"loss_clipped", 0, 2.2},
      {"best_loss", 0, 2.3},
      {"best_loss_averaged", 0, 2.3},
      {"accumulate_difference", 0, 1e-4},
      {"bias_with_decay", 0, 10},
      {"bias_without_decay", 0, 10}}},
    {"07_initialisation",
     {"07_initialisation.svg"},
     {{"Sigmoid_zeros_deviation", 0, 1e-6},
      {"Sigmoid_normal_1_deviation", 0.35, 0.5},  // nearly all values are 0 or 1
      {"Tanh_normal_0.01_deviation", 0, 1e-4},
      {"Tanh_Xavier_deviation", 0.3, 0.6},
      {"Tanh_orthogonal_deviation", 0.3, 0.6},
      {"ReLU_He_deviation", 0.5, 1.5},
      {"difference_of_equal_units", 0, 1e-6}}},
    {"07b_normalisation",
     {"07b_normalisation.svg", "07b_normalisation_deviations.svg"},
     {{"smallest_behind_batch_norm", -1.8, -1.6},  // of numbers from 0 to 1: -sqrt(3)
      {"accuracy_none", 0, 0.3},
      {"accuracy_batch", 0.3, 1},
      {"accuracy_group", 0.3, 1},
      {"learned_with_batch_norm", 8, 16},
      {"learned_without", 0, 6}}},
    {"08_generalisation",
     {"08_generalisation.svg"},
     {{"plain_training_accuracy", 0.98, 1},
      {"plain_validation_accuracy", 0.5, 0.9},
      {"plain_findings", 1, 1},
      {"weight_decay_validation_accuracy", 0.5, 0.9},
      {"dropout_training_accuracy", 0.7, 1},
      {"both_training_accuracy", 0.7, 1},
      {"early_stopping_epochs", 2, 39},
      {"early_stopping_validation_accuracy", 0.5, 0.9},
      {"too_much_training_accuracy", 0, 0.5},
      {"too_much_findings", 1, 10}}},
    {"09_search",
     {"09_search.svg", "09_search_ranges.svg"},
     {{"random_best", 0.15, 1},
      {"random_epochs", 64, 64},
      {"narrowing_best", 0.15, 1},
      {"narrowing_epochs", 48, 48},
      {"halving_best", 0.1, 1},
      {"halving_epochs", 24, 40}}},
    {"10_convolution",
     {"10_convolution.svg", "10_convolution_edges.svg"},
     {{"by_hand_difference", 0, 1e-5},
      {"receptive_field", 12, 12},
      {"test_accuracy", 0.5, 1},
      {"filters_moved", 0.01, 10}}},
    {"10b_upsampling",
     {"10b_upsampling.svg"},
     {{"error_un-pooled", 0.01, 0.3},
      {"error_nearest", 0.01, 0.3},
      {"error_bilinear", 0.01, 0.3},
      {"difference_inside", 0, 1e-6},
      {"layout_difference", 0, 1e-5}}},
    {"10c_series_and_video",
     {"10c_series_and_video.svg"},
     {{"error_noisy", 0.2, 0.3}, {"error_learned", 0, 0.2}, {"right_direction", 0.5, 1}}},
    {"11_sequences",
     {"11_sequences.svg"},
     {{"remembers_RNN", 0.5, 1},
      {"remembers_LSTM", 0.9, 1},
      {"remembers_GRU", 0.9, 1},
      {"forecast_error", 0, 0.3},  // below half of what saying 0 gives
      {"error_of_zero", 0.55, 0.7}}},
    {"11b_attention", {"11b_attention.svg"}, {{"reversed_right", 0.8, 1}}},
    {"12_graph",
     {"12_graph.svg", "12_graph_calls.svg"},
     {{"calls", 8, 16}, {"weights", 10, 10}, {"difference", 0, 0}}},
};

Command short_run(const std::string& chapter, const std::vector<std::string>& more) {
  Command command{"course_" + chapter, {"--short", "--device", "cpu", "--threads", "2"}};
  command.arguments.insert(command.arguments.end(), more.begin(), more.end());
  return command;
}

/// The numbers of all lines "result name=value".
std::map<std::string, double> results(const std::string& out) {
  std::map<std::string, double> found;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) {
    const size_t equals = line.find('=');
    if (!line.starts_with("result ") || equals == std::string::npos) continue;
    found[line.substr(7, equals - 7)] = std::strtod(line.c_str() + equals + 1, nullptr);
  }
  return found;
}

class Chapters : public testing::TestWithParam<ChapterCase> {};

TEST_P(Chapters, DrawsItsPicturesAndFindsItsNumbers) {
  const ChapterCase& chapter = GetParam();
  const TempDir dir;
  const Finished result = run(short_run(chapter.name, {"--out", dir / "pictures"}));
  ASSERT_EQ(result.code, 0) << result.err;
  for (const char* picture : chapter.pictures) {
    const std::string svg = read_bytes(dir / ("pictures/" + std::string(picture)));
    EXPECT_EQ(xml_error(svg), "") << picture;
    EXPECT_THAT(svg, HasSubstr("<svg ")) << picture;
  }
  const std::map<std::string, double> numbers = results(result.out);
  for (const Number& number : chapter.numbers) {
    ASSERT_TRUE(numbers.contains(number.name)) << number.name << " is not in:\n" << result.out;
    EXPECT_GE(numbers.at(number.name), number.low) << number.name;
    EXPECT_LE(numbers.at(number.name), number.high) << number.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Chapters, testing::ValuesIn(kChapters),
                         [](const auto& row) { return "Chapter" + std::string(row.param.name); });

TEST(Course, EveryChapterHasARow) {
  std::istringstream programs(DLENGINE_CHAPTERS);
  for (std::string name; std::getline(programs, name, ',');) {
    EXPECT_TRUE(std::ranges::any_of(kChapters, [&](const ChapterCase& row) { return row.name == name; }))
        << name;
  }
}

TEST(Course, TheSameSeedGivesTheSamePicture) {
  const TempDir dir;
  for (const char* folder : {"a", "b"})
    ASSERT_EQ(run(short_run("02_perceptrons", {"--out", dir / folder})).code, 0);
  EXPECT_EQ(read_bytes(dir / "a/02_perceptrons.svg"), read_bytes(dir / "b/02_perceptrons.svg"));
}

TEST(Course, CtrlCInASearchEndsTheChapter) {
  const TempDir dir;
  Process process({"course_09_search", {"--dataset", "synthetic", "--device", "cpu", "--out", dir / "out"}});
  const std::string table = dir / "out/09_search.jsonl";
  ASSERT_TRUE(process.wait_until([&](const auto&) { return std::filesystem::exists(table); }));
  process.send(SIGINT);
  const Finished stopped = process.wait();
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("course_09_search: stopped by Ctrl-C"));
  EXPECT_THAT(stopped.out, Not(HasSubstr("result")));
}

TEST(Course, HelpNamesEveryOption) {
  const Finished result = run({"course_02_perceptrons", {"--help"}});
  EXPECT_EQ(result.code, 0);
  for (const char* option : {"--out", "--short", "--seed", "--device", "--threads", "--data", "--dataset"}) {
    EXPECT_THAT(result.out, HasSubstr(option));
  }
}

TEST(Course, WrongUsageExitsWith2) {
  for (const char* wrong : {"--no-such-option", "--seed=-1", "--device=gpu", "word"}) {
    const Finished result = run({"course_02_perceptrons", {wrong}});
    EXPECT_EQ(result.code, 2) << wrong;
    EXPECT_THAT(result.out, IsEmpty());
  }
}

TEST(Course, AFolderThatCannotBeMadeIsAnErrorBeforeTheWork) {
  const TempDir dir;
  write_bytes(dir / "file", "");
  const Finished result = run(short_run("02_perceptrons", {"--out", dir / "file"}));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("cannot write to the folder " + (dir / "file")));
  EXPECT_THAT(result.out, Not(HasSubstr("result")));
}

}  // namespace
}  // namespace dlengine::test
