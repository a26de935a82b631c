// Trains a convolutional network on CIFAR-10: cifar_cnn --help.
#include "apps/demo.h"

int main(int argc, char** argv) {
  using dlengine::apps::Recipe;
  const Recipe standard{.name = "default",
                        .init = dlengine::Init::he,
                        .optimizer = "adam",
                        .lr = 4e-3,
                        .schedule = dlengine::one_cycle_schedule(0.1, 0.2),
                        .epochs = 10};
  return dlengine::apps::run_demo(
      {.network = "cifar_cnn",
       .about = "Trains a convolutional network of 0.3 million parameters on CIFAR-10.",
       .recipes = {standard},
       .datasets = {"cifar10"},
       .augment = {.shift = 4, .flip = true}},
      argc, argv);
}
