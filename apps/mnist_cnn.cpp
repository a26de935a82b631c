// Trains a convolutional network on MNIST: mnist_cnn --help.
#include "apps/demo.h"

int main(int argc, char** argv) {
  using dlengine::apps::Recipe;
  const Recipe standard{.name = "default",
                        .init = dlengine::Init::he,
                        .optimizer = "adam",
                        .lr = 4e-3,
                        .schedule = dlengine::one_cycle_schedule(0.1, 0.2)};
  const Recipe constant{.name = "constant", .optimizer = "adam", .lr = 1e-3};  // PyTorch's defaults
  return dlengine::apps::run_demo(
      {.network = "mnist_cnn",
       .about = "Trains a convolutional network of 1.2 million parameters on MNIST.",
       .recipes = {standard, constant}},
      argc, argv);
}
