// The networks of the demos, by name, so that a weight file can say which one it belongs to.
#pragma once

#include <string>
#include <string_view>

#include "dlengine/layers/init.h"
#include "dlengine/layers/sequential.h"

namespace dlengine::apps {

/// Metadata entries of the weight files that the demos save.
inline constexpr const char* kModelKey = "model";
inline constexpr const char* kDatasetKey = "dataset";
inline constexpr const char* kClassesKey = "classes";  // names, one per line

/// Logits [N, 10]. Of images [N, 1, 28, 28]:
/// "mnist_cnn": conv 3x3 32, relu, conv 3x3 64, relu, max pool 2, dropout .25, linear 128, relu, dropout .5,
/// linear 10; "mnist_mlp": linear 512, relu, linear 10.
/// Of images [N, 3, 32, 32]: "cifar_cnn": the pixels normalised, then for 32, 64 and 128 filters two times
/// conv 3x3, batch norm, relu, then max pool 2 and dropout .2, and at the end linear 10. Throws ValueError
/// for another name.
Sequential make_network(std::string_view name, Init init = Init::torch);

/// The shape of one image for that network, as a batch.
Shape image_shape(std::string_view network);

}  // namespace dlengine::apps
