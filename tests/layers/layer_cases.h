// Every layer once or more, under the names of the stored numbers; tests walk this table.
#pragma once

#include <initializer_list>
#include <memory>
#include <ostream>
#include <vector>

#include "dlengine/layers/layers.h"

namespace dlengine::test {

struct LayerCase {
  const char* name;
  std::unique_ptr<Module> (*make)();
  double terms = 1;                         // summed in one element of the output or of a gradient, at most
  const char* file = "layers.safetensors";  // of tests/golden
};

inline void PrintTo(const LayerCase& row, std::ostream* out) { *out << row.name; }

template <typename Layer, auto... kOptions>
std::unique_ptr<Module> make() {
  return std::make_unique<Layer>(kOptions...);
}

// PyTorch's network of make_golden.py.
inline std::unique_ptr<Module> make_network() {
  return std::make_unique<Sequential>(Conv2d({.out_channels = 3, .kernel = 3, .padding = 1}), BatchNorm2d(),
                                      ReLU(), MaxPool2d({.kernel = 2}),
                                      Conv2d({.out_channels = 4, .kernel = 2}), Tanh(), Flatten(),
                                      Linear({.out_features = 5}), Sigmoid(), Linear({.out_features = 3}));
}

inline std::vector<LayerCase> joined(std::initializer_list<std::vector<LayerCase>> tables) {
  std::vector<LayerCase> all;
  for (const auto& table : tables) all.insert(all.end(), table.begin(), table.end());
  return all;
}

/// Of make_activations.py.
inline std::vector<LayerCase> activation_cases() {
  constexpr const char* kActivations = "activations.safetensors";
  return {
      {"identity", make<Identity>, 1, kActivations},
      {"leaky_relu", make<LeakyReLU>, 1, kActivations},
      {"leaky_relu_steep", make<LeakyReLU, 0.3>, 1, kActivations},
      {"prelu", make<PReLU>, 60, kActivations},
      {"prelu_channels", make<PReLU, PReLUOptions{.num_parameters = 3}>, 20, kActivations},
      {"elu", make<ELU>, 2, kActivations},
      {"elu_half", make<ELU, 0.5>, 2, kActivations},
      {"selu", make<SELU>, 3, kActivations},
      {"gelu", make<GELU>, 3, kActivations},
      {"gelu_tanh", make<GELU, GeluForm::tanh>, 5, kActivations},
      {"silu", make<SiLU>, 3, kActivations},
      {"softplus", make<Softplus>, 2, kActivations},
      {"softplus_sharp", make<Softplus, 2.5>, 2, kActivations},
      {"mish", make<Mish>, 4, kActivations},
      {"softsign", make<Softsign>, 2, kActivations},
      {"log_sigmoid", make<LogSigmoid>, 2, kActivations},
      {"hardtanh", make<Hardtanh>, 1, kActivations},
      {"hardtanh_wide", make<Hardtanh, -0.5, 2.0>, 1, kActivations},
      {"relu6", make<ReLU6>, 1, kActivations},
      {"hardsigmoid", make<Hardsigmoid>, 1, kActivations},
      {"hardswish", make<Hardswish>, 2, kActivations},
      {"log_softmax", make<LogSoftmax>, 8, kActivations},
      {"log_softmax_channels", make<LogSoftmax, 1>, 6, kActivations},
  };
}

// Convolutions of series and volumes, transposed convolutions; make_cnn.py.
inline std::vector<LayerCase> convolution_cases() {
  return {
      {"conv1d", make<Conv1d, Conv1dOptions{.in_channels = 3, .out_channels = 4, .kernel = 3, .padding = 1}>,
       16},
      {"conv1d_strided",
       make<Conv1d,
            Conv1dOptions{
                .out_channels = 6, .kernel = 3, .stride = 2, .padding = 2, .dilation = 2, .groups = 2}>,
       12},
      {"conv1d_no_bias", make<Conv1d, Conv1dOptions{.out_channels = 2, .kernel = 2, .bias = false}>, 12},
      {"conv3d", make<Conv3d, Conv3dOptions{.in_channels = 2, .out_channels = 3, .kernel = 3, .padding = 1}>,
       120},
      {"conv3d_strided",
       make<Conv3d, Conv3dOptions{.out_channels = 2,
                                  .kernel = {3, 2, 1},
                                  .stride = {2, 1, 2},
                                  .padding = {1, 0, 1},
                                  .groups = 2}>,
       40},
      {"conv3d_dilated",
       make<Conv3d,
            Conv3dOptions{
                .out_channels = 2, .kernel = 2, .stride = {1, 2, 1}, .dilation = {3, 1, 2}, .bias = false}>,
       24},
      {"conv_transpose2d",
       make<ConvTranspose2d, ConvTranspose2dOptions{.in_channels = 2, .out_channels = 3, .kernel = 3}>, 60},
      {"conv_transpose2d_doubling",
       make<ConvTranspose2d, ConvTranspose2dOptions{.out_channels = 2, .kernel = 2, .stride = 2}>, 48},
      {"conv_transpose2d_output_padding",
       make<ConvTranspose2d, ConvTranspose2dOptions{.out_channels = 6,
                                                    .kernel = {3, 2},
                                                    .stride = {2, 3},
                                                    .padding = {1, 0},
                                                    .output_padding = {1, 2},
                                                    .groups = 2}>,
       160},
      {"conv_transpose2d_dilated",
       make<ConvTranspose2d,
            ConvTranspose2dOptions{
                .out_channels = 2, .kernel = 3, .padding = 2, .dilation = {2, 3}, .bias = false}>,
       18},
      {"conv_transpose1d",
       make<ConvTranspose1d,
            ConvTranspose1dOptions{
                .out_channels = 2, .kernel = 4, .stride = 3, .padding = 1, .output_padding = 1}>,
       32},
  };
}

// Poolings of series and volumes; make_cnn.py.
inline std::vector<LayerCase> pooling_cases() {
  return {
      {"max_pool1d", make<MaxPool1d, Pool1dParams{.kernel = 2}>},
      {"max_pool1d_padded", make<MaxPool1d, Pool1dParams{.kernel = 3, .stride = 2, .padding = 1}>, 2},
      {"avg_pool1d", make<AvgPool1d, Pool1dParams{.kernel = 3, .stride = 2, .padding = 1}>, 3},
      {"avg_pool1d_uncounted",
       make<AvgPool1d, Pool1dParams{.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false}>, 3},
      {"max_pool3d", make<MaxPool3d, Pool3dParams{.kernel = 2}>},
      {"max_pool3d_padded",
       make<MaxPool3d, Pool3dParams{.kernel = {3, 2, 3}, .stride = {2, 1, 2}, .padding = {1, 0, 1}}>, 8},
      {"avg_pool3d", make<AvgPool3d, Pool3dParams{.kernel = {2, 1, 2}}>, 4},
      {"avg_pool3d_uncounted",
       make<AvgPool3d, Pool3dParams{.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false}>, 27},
      {"adaptive_avg_pool2d", make<AdaptiveAvgPool2d, Size2{3, 2}>, 9},
      {"adaptive_avg_pool2d_even", make<AdaptiveAvgPool2d, Size2{2, 3}>, 4},
      {"adaptive_avg_pool2d_larger", make<AdaptiveAvgPool2d, Size2{4}>, 9},
  };
}

template <int64_t... kSizes>
std::unique_ptr<Module> make_layer_norm() {
  return std::make_unique<LayerNorm>(LayerNormOptions{.normalized_shape = {kSizes...}});
}
inline std::unique_ptr<Module> make_plain_layer_norm() {
  return std::make_unique<LayerNorm>(
      LayerNormOptions{.normalized_shape = {3}, .eps = 1e-3, .elementwise_affine = false});
}

// Normalisation of samples and resizing; make_cnn.py.
inline std::vector<LayerCase> norm_and_resize_cases() {
  constexpr auto kBilinear = InterpolateMode::bilinear;
  return {
      {"batch_norm3d", make<BatchNorm3d, BatchNormOptions{.num_features = 2}>, 48},
      {"layer_norm", make_layer_norm<5>, 20},
      {"layer_norm_plain", make_plain_layer_norm, 12},
      {"layer_norm_images", make_layer_norm<3, 4, 2>, 48},
      {"group_norm", make<GroupNorm, GroupNormOptions{.num_groups = 2, .num_channels = 6}>, 72},
      {"group_norm_vectors", make<GroupNorm, GroupNormOptions{.num_groups = 3, .eps = 1e-2, .affine = false}>,
       12},
      {"instance_norm1d", make<InstanceNorm1d, InstanceNormOptions{.num_features = 3, .affine = true}>, 30},
      {"instance_norm2d", make<InstanceNorm2d, InstanceNormOptions{}>, 36},
      {"instance_norm3d", make<InstanceNorm3d, InstanceNormOptions{.eps = 1e-3, .affine = true}>, 48},
      {"upsample_nearest", make<Upsample, InterpolateParams{.scale_factor = 2}>, 4},
      {"upsample_nearest_size", make<Upsample, InterpolateParams{.size = {5, 3}}>, 4},
      {"upsample_nearest_factor", make<Upsample, InterpolateParams{.scale_factor = 1.7}>, 4},
      {"upsample_bilinear", make<Upsample, InterpolateParams{.scale_factor = 2, .mode = kBilinear}>, 16},
      {"upsample_bilinear_size", make<Upsample, InterpolateParams{.size = {7, 2}, .mode = kBilinear}>, 16},
      {"upsample_bilinear_factor", make<Upsample, InterpolateParams{.scale_factor = 1.5, .mode = kBilinear}>,
       16},
      {"upsample_bilinear_corners",
       make<Upsample, InterpolateParams{.size = {7, 5}, .mode = kBilinear, .align_corners = true}>, 16},
      {"upsample_bilinear_corners_one",
       make<Upsample, InterpolateParams{.size = {1, 4}, .mode = kBilinear, .align_corners = true}>, 8},
  };
}

inline std::vector<LayerCase> of_file(const char* file, std::vector<LayerCase> cases) {
  for (LayerCase& row : cases) row.file = file;
  return cases;
}

inline const std::vector<LayerCase>& layer_cases() {
  static const std::vector<LayerCase> cases = joined(
      {{
           {"linear", make<Linear, LinearOptions{.in_features = 5, .out_features = 4}>, 6},
           {"linear_no_bias", make<Linear, LinearOptions{.out_features = 1, .bias = false}>, 5},
           {"linear_3d", make<Linear, LinearOptions{.out_features = 2}>, 8},
           {"conv2d",
            make<Conv2d, Conv2dOptions{.in_channels = 2, .out_channels = 3, .kernel = 3, .padding = 1}>, 40},
           {"conv2d_strided",
            make<Conv2d, Conv2dOptions{.in_channels = 4,
                                       .out_channels = 6,
                                       .kernel = {3, 2},
                                       .stride = {2, 1},
                                       .padding = {1, 0},
                                       .groups = 2}>,
            32},
           {"conv2d_dilated",
            make<Conv2d, Conv2dOptions{.out_channels = 2, .kernel = 2, .dilation = {2, 3}, .bias = false}>,
            9},
           {"conv2d_depthwise",
            make<Conv2d, Conv2dOptions{.out_channels = 3, .kernel = 3, .padding = 1, .groups = 3}>, 16},
           {"conv2d_pointwise", make<Conv2d, Conv2dOptions{.out_channels = 2, .kernel = 1}>, 4},
           {"max_pool2d", make<MaxPool2d, Pool2dParams{.kernel = 2}>},
           {"max_pool2d_padded", make<MaxPool2d, Pool2dParams{.kernel = 3, .stride = 2, .padding = 1}>, 4},
           {"avg_pool2d", make<AvgPool2d, Pool2dParams{.kernel = {2, 3}}>, 6},
           {"avg_pool2d_padded", make<AvgPool2d, Pool2dParams{.kernel = 3, .stride = 2, .padding = 1}>, 9},
           {"avg_pool2d_uncounted",
            make<AvgPool2d, Pool2dParams{.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false}>,
            9},
           {"global_avg_pool2d", make<GlobalAvgPool2d>, 12},
           {"batch_norm1d", make<BatchNorm1d, BatchNormOptions{.num_features = 3}>, 16},
           {"batch_norm1d_length", make<BatchNorm1d, BatchNormOptions{.eps = 1e-3, .momentum = 0.4}>, 40},
           {"batch_norm2d", make<BatchNorm2d>, 48},
           {"batch_norm2d_plain", make<BatchNorm2d, BatchNormOptions{.affine = false}>, 48},
           {"relu", make<ReLU>},
           {"sigmoid", make<Sigmoid>, 3},
           {"tanh", make<Tanh>, 3},
           {"softmax", make<Softmax>, 8},
           {"softmax_channels", make<Softmax, 1>, 6},
           {"flatten", make<Flatten>},
           {"network", make_network, 200},
       },
       activation_cases(),
       of_file("cnn.safetensors", joined({convolution_cases(), pooling_cases(), norm_and_resize_cases()}))});
  return cases;
}

}  // namespace dlengine::test
