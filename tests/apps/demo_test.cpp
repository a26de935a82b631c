// The training programs as a user sees them: output, exit codes and files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "dlengine/core/io/safetensors.h"
#include "tests/apps/process.h"
#include "tests/support/temp_dir.h"

namespace dlengine::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Arguments = std::vector<std::string>;

/// A short training of the MLP on few synthetic digits.
Command small_run(const Arguments& more = {}, int64_t images = 600) {
  Command command{
      "mnist_mlp",
      {"--dataset", "synthetic", "--limit", std::to_string(images), "--device", "cpu", "--threads", "2"}};
  command.arguments.insert(command.arguments.end(), more.begin(), more.end());
  return command;
}

int64_t lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

TEST(Demo, HelpNamesEveryOption) {
  for (const char* program : {"cifar_cnn", "mnist_cnn", "mnist_mlp"}) {
    const Finished result = run({program, {"--help"}});
    EXPECT_EQ(result.code, 0);
    for (const char* option : {"--data", "--dataset", "--epochs", "--batch-size", "--lr", "--optimizer",
                               "--recipe", "--device", "--seed", "--threads", "--save", "--load",
                               "--checkpoint", "--resume", "--expect-accuracy", "--list-devices", "--help"}) {
      EXPECT_THAT(result.out, HasSubstr(option));
    }
    EXPECT_THAT(result.out, HasSubstr("130 stopped by Ctrl-C"));
  }
}

TEST(Demo, WrongUsageExitsWith2AndNamesTheOption) {
  const std::vector<std::pair<Arguments, std::string>> cases = {
      {{"--epochs", "-1"}, "--epochs"},
      {{"--epochs", "five"}, "--epochs"},
      {{"--batch-size", "0"}, "--batch-size"},
      {{"--lr", "0"}, "--lr"},
      {{"--lr", "nan"}, "--lr"},
      {{"--optimizer", "newton"}, "--optimizer"},
      {{"--recipe", "soup"}, "--recipe"},
      {{"--dataset", "letters"}, "--dataset"},
      {{"--device", "gpu"}, "cuda:<number>"},
      {{"--threads", "0"}, "--threads"},
      {{"--seed", "-1"}, "--seed"},
      {{"--expect-accuracy", "98"}, "--expect-accuracy"},
      {{"--resume"}, "--checkpoint"},
      {{"--resume", "--checkpoint", "state", "--lr", "0.1"}, "--lr"},
      {{"--save", "state", "--checkpoint", "state"}, "--save"},
      {{"--seed", "99999999999999999999"}, "--seed"},
      {{"--no-such-option"}, "--no-such-option"},
      {{"a_stray_word"}, "a_stray_word"},
  };
  for (const auto& [arguments, named] : cases) {
    const Finished result = run({"mnist_mlp", arguments});
    EXPECT_EQ(result.code, 2) << arguments[0];
    EXPECT_THAT(result.err, HasSubstr(named));
    EXPECT_THAT(result.out, IsEmpty());
  }
}

TEST(Demo, LearnsSyntheticDigitsAndSaysWhatTheyAre) {
  const Finished result = run(small_run({"--epochs", "5", "--expect-accuracy", "0.7"}, 2000));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("device: "));
  EXPECT_THAT(result.out, HasSubstr("2000 training and 2000 test images"));
  EXPECT_THAT(result.out, HasSubstr("SYNTHETIC"));
  EXPECT_THAT(result.out, HasSubstr("not MNIST's"));
  EXPECT_THAT(result.out, HasSubstr("fc1"));  // the summary
  EXPECT_THAT(result.out, ContainsRegex("\nresult dataset=synthetic model=mnist_mlp recipe=default epochs=5 "
                                        "test_accuracy=0\\.[0-9]+ test_loss=[0-9.]+ train_seconds=[0-9.]+ "
                                        "images_per_second=[0-9]+ seed=1 device=cpu threads=2\n$"));
  EXPECT_EQ(lines(result.err), 5) << result.err;  // one line per epoch, nothing else
  EXPECT_THAT(result.err, ContainsRegex("^epoch 1/5  loss "));
}

TEST(Demo, TrainsTheConvolutionalNetwork) {
  Command command = small_run({"--epochs", "1"}, 200);
  command.program = "mnist_cnn";
  const Finished result = run(command);
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("1,199,882"));  // parameters
  EXPECT_THAT(result.out, HasSubstr("model=mnist_cnn"));
}

TEST(Demo, ExitsWith3BelowTheAccuracyAskedFor) {
  const Finished result = run(small_run({"--epochs", "1", "--expect-accuracy", "1"}, 100));
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("below the 1.0000 asked for"));
  EXPECT_THAT(result.out, HasSubstr("\nresult "));
}

TEST(Demo, EveryOptimizerAndRecipeRuns) {
  for (const char* optimizer : {"sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"}) {
    EXPECT_EQ(run(small_run({"--epochs", "1", "--optimizer", optimizer}, 100)).code, 0) << optimizer;
  }
  EXPECT_EQ(run(small_run({"--epochs", "1", "--recipe", "keras"}, 100)).code, 0);
}

TEST(Demo, OneSeedGivesOneFile) {
  const TempDir dir;
  for (const char* file : {"a", "b"}) {
    ASSERT_EQ(run(small_run({"--epochs", "2", "--seed", "7", "--save", dir / file})).code, 0);
  }
  ASSERT_EQ(run(small_run({"--epochs", "2", "--seed", "8", "--save", dir / "c"})).code, 0);
  EXPECT_FALSE(read_bytes(dir / "a").empty());
  EXPECT_EQ(read_bytes(dir / "a"), read_bytes(dir / "b"));
  EXPECT_NE(read_bytes(dir / "a"), read_bytes(dir / "c"));
}

TEST(Demo, LoadedWeightsGiveTheSameFigures) {
  const TempDir dir;
  const auto accuracy = [](const Finished& result) {
    const size_t at = result.out.find("test_accuracy=");
    return at == std::string::npos ? "" : result.out.substr(at, result.out.find(" train_seconds") - at);
  };
  const Finished trained = run(small_run({"--epochs", "2", "--save", dir / "weights"}));
  const Finished loaded = run(small_run({"--epochs", "0", "--load", dir / "weights"}));
  EXPECT_EQ(loaded.code, 0) << loaded.err;
  EXPECT_THAT(accuracy(loaded), Not(IsEmpty()));
  EXPECT_EQ(accuracy(trained), accuracy(loaded));
}

TEST(Demo, APathThatCannotBeWrittenFailsBeforeTraining) {
  const Finished result = run(small_run({"--save", "/nowhere/at/all"}));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("/nowhere/at/all"));
  EXPECT_EQ(lines(result.err), 1) << result.err;
  EXPECT_THAT(result.out, Not(HasSubstr("data: ")));
}

TEST(Demo, WeightsOfAnotherNetworkAreRefused) {
  const TempDir dir;
  ASSERT_EQ(run(small_run({"--epochs", "1", "--save", dir / "mlp"})).code, 0);
  Command command = small_run({"--load", dir / "mlp"});
  command.program = "mnist_cnn";
  const Finished result = run(command);
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("conv1.weight"));
}

TEST(Demo, AMissingGpuIsOneClearLineAndNoFallback) {
  Command command = small_run();
  std::replace(command.arguments.begin(), command.arguments.end(), std::string("cpu"), std::string("cuda"));
  command.environment = {{"CUDA_VISIBLE_DEVICES", "-1"}};
  const Finished result = run(command);
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(lines(result.err), 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("mnist_mlp: error: "));
  EXPECT_THAT(result.err, HasSubstr("cuda"));
  EXPECT_THAT(result.out, Not(HasSubstr("result")));
}

TEST(Demo, ListsDevices) {
  for (const Command& command :
       {Command{"mnist_mlp", {"--list-devices"}}, Command{"dlengine", {"devices"}}}) {
    const Finished result = run(command);
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out, ContainsRegex("^cpu: "));
    EXPECT_THAT(result.out, HasSubstr("\ncuda"));
  }
}

TEST(Demo, DlengineTellsItsVersionAndItsUsage) {
  EXPECT_THAT(run({"dlengine", {"--version"}}).out, ContainsRegex("^dlengine [0-9]+\\.[0-9]+\\.[0-9]+\n$"));
  EXPECT_EQ(run({"dlengine", {}}).code, 2);
  EXPECT_EQ(run({"dlengine", {"fly"}}).code, 2);
}

// --- Without MNIST: no files, an empty cache, and a proxy that is not there ---

class Offline : public testing::Test {
 protected:
  Finished run_offline(const Arguments& arguments) {
    Command command{"mnist_mlp", {"--limit", "100", "--epochs", "1", "--device", "cpu"}};
    command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
    command.environment = {{"DLENGINE_DATA_DIR", ""},
                           {"DLENGINE_CACHE_DIR", dir_.path()},
                           {"http_proxy", "http://127.0.0.1:1"},
                           {"https_proxy", "http://127.0.0.1:1"},
                           {"no_proxy", ""},
                           {"NO_PROXY", ""}};
    return run(command);
  }
  TempDir dir_;
};

TEST_F(Offline, GoesOnWithSyntheticDigitsAndSaysSo) {
  const Finished result = run_offline({});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("DLENGINE_DATA_DIR"));
  EXPECT_THAT(result.err, HasSubstr(dir_.path()));
  EXPECT_THAT(result.err, HasSubstr("https://"));
  EXPECT_THAT(result.err, HasSubstr("synthetic"));
  EXPECT_THAT(result.out, HasSubstr("not MNIST's"));
  EXPECT_THAT(result.out, HasSubstr("result dataset=synthetic"));
}

TEST_F(Offline, ADataSetOrFolderAskedForIsNotReplaced) {
  const TempDir empty;
  for (const Arguments& arguments : {Arguments{"--dataset", "mnist"}, Arguments{"--dataset", "fashion_mnist"},
                                     Arguments{"--data", empty.path()}}) {
    const Finished result = run_offline(arguments);
    EXPECT_EQ(result.code, 1) << arguments[1];
    EXPECT_THAT(result.err, HasSubstr("train-images-idx3-ubyte"));
    EXPECT_THAT(result.out, Not(HasSubstr("result")));
  }
}

// --- Ctrl-C ---

TEST(Interrupt, SavesExitsWith130AndResumesToTheSameBits) {
  const TempDir dir;
  const Arguments constant = {"--recipe", "keras", "--checkpoint", dir / "state"};
  const auto with = [&](Arguments more) {
    more.insert(more.end(), constant.begin(), constant.end());
    return small_run(more);
  };
  Process process(with({"--epochs", "10000", "--save", dir / "stopped"}));
  ASSERT_TRUE(process.wait_for_error_text("epoch 2/10000 "));
  process.send(SIGINT);
  const Finished stopped = process.wait();
  EXPECT_EQ(stopped.code, 130);
  EXPECT_THAT(stopped.err, HasSubstr("stopped by Ctrl-C; the weights are in " + (dir / "stopped")));
  EXPECT_THAT(stopped.out, Not(HasSubstr("result")));
  EXPECT_FALSE(load_safetensors(dir / "stopped").tensors.empty());

  const std::string epochs =
      std::to_string(std::stoi(load_safetensors(dir / "state").metadata.at("epoch")) + 1);
  const Finished resumed = run(with({"--epochs", epochs, "--save", dir / "resumed", "--resume"}));
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(resumed.out, ContainsRegex(" epochs of which [0-9]+ are done\n"));
  ASSERT_EQ(run(small_run({"--recipe", "keras", "--epochs", epochs, "--save", dir / "straight"})).code, 0);
  EXPECT_EQ(read_bytes(dir / "resumed"), read_bytes(dir / "straight"));
}

TEST(Interrupt, ResumingWithoutACheckpointIsAnError) {
  const TempDir dir;
  const Finished result = run(small_run({"--checkpoint", dir / "state", "--resume"}));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr(dir / "state"));
}

// --- On a terminal ---

TEST(Terminal, ShowsABarWhoseColorObeysNoColor) {
  Command command = small_run({"--epochs", "1"});
  command.terminal = true;
  command.environment = {{"TERM", "xterm"}, {"NO_COLOR", ""}};
  const Finished colored = run(command);
  EXPECT_THAT(colored.err, HasSubstr("\repoch 1/1 ["));
  EXPECT_THAT(colored.err, HasSubstr("\033[32m"));
  command.environment["NO_COLOR"] = "1";
  const Finished plain = run(command);
  EXPECT_THAT(plain.err, HasSubstr("\repoch 1/1 ["));
  EXPECT_THAT(plain.err, Not(HasSubstr("\033")));
}

}  // namespace
}  // namespace dlengine::test
