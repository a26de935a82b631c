// Trains a network of two fully connected layers on MNIST: mnist_mlp --help.
#include "apps/demo.h"

int main(int argc, char** argv) {
  using dlengine::apps::Recipe;
  const Recipe standard{.name = "default",
                        .init = dlengine::Init::he,
                        .optimizer = "adam",
                        .lr = 5e-3,
                        .schedule = dlengine::one_cycle_schedule(0.1, 0.2)};
  // Chollet, Deep Learning with Python, chapter 2: Glorot uniform, RMSprop with rho 0.9 and eps 1e-7 inside
  // the root.
  const Recipe keras{.name = "keras",
                     .init = dlengine::Init::keras,
                     .defaults = dlengine::Defaults::keras,
                     .optimizer = "rmsprop",
                     .lr = 1e-3};
  return dlengine::apps::run_demo({.network = "mnist_mlp",
                                   .about = "Trains 784-512-10 fully connected units on MNIST.",
                                   .recipes = {standard, keras}},
                                  argc, argv);
}
