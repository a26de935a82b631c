#!/usr/bin/env python3
"""Makes cnn.safetensors: PyTorch's numbers for convolutions and poolings of all kinds, normalisation of samples,
resizing and un-pooling, in float64, as make_golden.py does. Run it in this folder: ./make_cnn.py
"""
import torch
from torch import nn

from make_golden import layer_case, save


def convolutions(case):
    case("conv1d", nn.Conv1d(3, 4, 3, padding=1), (2, 3, 7))
    case("conv1d_strided", nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), (2, 4, 9))
    case("conv1d_no_bias", nn.Conv1d(1, 2, 2, bias=False), (3, 1, 5))
    case("conv3d", nn.Conv3d(2, 3, 3, padding=1), (2, 2, 4, 3, 5))
    case("conv3d_strided", nn.Conv3d(4, 2, (3, 2, 1), stride=(2, 1, 2), padding=(1, 0, 1), groups=2), (1, 4, 5, 4, 3))
    case("conv3d_dilated", nn.Conv3d(1, 2, 2, stride=(1, 2, 1), dilation=(3, 1, 2), bias=False), (2, 1, 6, 5, 4))
    case("conv_transpose2d", nn.ConvTranspose2d(2, 3, 3), (2, 2, 4, 3))
    case("conv_transpose2d_doubling", nn.ConvTranspose2d(3, 2, 2, stride=2), (1, 3, 3, 4))
    case("conv_transpose2d_output_padding",
         nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2), (2, 4, 3, 4))
    case("conv_transpose2d_dilated", nn.ConvTranspose2d(1, 2, 3, padding=2, dilation=(2, 3), bias=False), (1, 1, 4, 3))
    case("conv_transpose1d", nn.ConvTranspose1d(3, 2, 4, stride=3, padding=1, output_padding=1), (2, 3, 5))


def poolings(case):
    case("max_pool1d", nn.MaxPool1d(2), (2, 3, 7))
    case("max_pool1d_padded", nn.MaxPool1d(3, stride=2, padding=1), (2, 2, 8))
    case("avg_pool1d", nn.AvgPool1d(3, stride=2, padding=1), (2, 2, 8))
    case("avg_pool1d_uncounted", nn.AvgPool1d(3, stride=2, padding=1, count_include_pad=False), (2, 2, 8))
    case("max_pool3d", nn.MaxPool3d(2), (2, 2, 4, 5, 4))
    case("max_pool3d_padded", nn.MaxPool3d((3, 2, 3), stride=(2, 1, 2), padding=(1, 0, 1)), (1, 2, 5, 4, 5))
    case("avg_pool3d", nn.AvgPool3d((2, 1, 2)), (1, 2, 4, 3, 5))
    case("avg_pool3d_uncounted", nn.AvgPool3d(3, stride=2, padding=1, count_include_pad=False), (1, 2, 4, 5, 3))
    case("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d((3, 2)), (2, 2, 7, 5))
    case("adaptive_avg_pool2d_even", nn.AdaptiveAvgPool2d((2, 3)), (1, 2, 4, 6))
    case("adaptive_avg_pool2d_larger", nn.AdaptiveAvgPool2d(4), (1, 2, 3, 2))


def norms(case):
    case("batch_norm3d", nn.BatchNorm3d(2), (2, 2, 2, 3, 2))
    case("layer_norm", nn.LayerNorm(5), (4, 5))
    case("layer_norm_plain", nn.LayerNorm(3, eps=1e-3, elementwise_affine=False), (2, 2, 3))
    case("layer_norm_images", nn.LayerNorm((3, 4, 2)), (2, 3, 4, 2))
    case("group_norm", nn.GroupNorm(2, 6), (3, 6, 4, 3))
    case("group_norm_vectors", nn.GroupNorm(3, 6, eps=1e-2, affine=False), (2, 6))
    case("instance_norm1d", nn.InstanceNorm1d(3, affine=True), (2, 3, 5))
    case("instance_norm2d", nn.InstanceNorm2d(3), (2, 3, 4, 3))
    case("instance_norm3d", nn.InstanceNorm3d(2, eps=1e-3, affine=True), (2, 2, 3, 2, 2))


def resizing(case):
    case("upsample_nearest", nn.Upsample(scale_factor=2), (1, 2, 3, 4))
    case("upsample_nearest_size", nn.Upsample(size=(5, 3)), (2, 1, 3, 7))
    case("upsample_nearest_factor", nn.Upsample(scale_factor=1.7), (1, 2, 4, 3))
    case("upsample_bilinear", nn.Upsample(scale_factor=2, mode="bilinear"), (1, 2, 3, 4))
    case("upsample_bilinear_size", nn.Upsample(size=(7, 2), mode="bilinear"), (1, 2, 4, 5))
    case("upsample_bilinear_factor", nn.Upsample(scale_factor=1.5, mode="bilinear"), (2, 1, 3, 5))
    case("upsample_bilinear_corners", nn.Upsample(size=(7, 5), mode="bilinear", align_corners=True), (1, 2, 4, 3))
    case("upsample_bilinear_corners_one", nn.Upsample(size=(1, 4), mode="bilinear", align_corners=True), (1, 2, 3, 1))


def unpooling(out):
    for name, options, shape, size in (("unpool", dict(kernel_size=2), (2, 2, 4, 6), None),
                                       ("unpool_size", dict(kernel_size=2), (1, 2, 5, 7), (5, 7)),
                                       ("unpool_strided", dict(kernel_size=(2, 1), stride=3), (1, 2, 8, 7), (8, 7))):
        x = torch.randn(shape)
        y, indices = nn.MaxPool2d(return_indices=True, **options)(x)
        values = torch.randn(y.shape, requires_grad=True)
        back = nn.MaxUnpool2d(**options)(values, indices, output_size=size)
        dy = torch.randn(back.shape)
        back.backward(dy)
        out.update({f"{name}.x": x, f"{name}.pooled": y, f"{name}.indices": indices, f"{name}.values": values,
                    f"{name}.y": back, f"{name}.dy": dy, f"{name}.dvalues": values.grad})


def main():
    torch.manual_seed(10)
    out = {}
    case = lambda *arguments: layer_case(out, *arguments)
    for make in (convolutions, poolings, norms, resizing):
        make(case)
    unpooling(out)
    save("cnn.safetensors", out)


if __name__ == "__main__":
    main()
