import Tensors

/// What vptq 0.0.5.post1 and its integration in transformers ask of a layer; see `Documentation/Interoperability.md`.
extension StoredLayerForm {
  /// The package's loader passes every key of the entry to a constructor.
  var packageLoaderLimits: [Limit] {
    let required: Set<String> = [
      "in_features", "out_features", "vector_lens", "num_centroids", "num_res_centroids", "group_num", "group_size",
      "outlier_size", "indices_as_float",
    ]
    let known = required.union([
      "enable_norm", "enable_perm", "is_indice_packed", "bias", "vector_quant_dim", "device",
    ])
    var limits = missing(required)
    let unknown = statedKeys.subtracting(known)
    if !unknown.isEmpty {
      limits.append(Limit(.fails, "it refuses the keys \(unknown.sorted().joined(separator: ", "))"))
    }
    if !settings.isPacked, settings.hasResidual {
      limits.append(Limit(.fails, "it cannot set up unpacked codes with a residual"))
    }
    if !settings.isPacked, settings.permutationEnabled {
      limits.append(Limit(.fails, "it reads the 64-bit permutation beside unpacked codes as 16-bit numbers"))
    }
    return limits + shapeLimits
  }

  /// The integration in transformers picks the keys it knows and takes only packed codes.
  var transformersLoaderLimits: [Limit] {
    var limits = missing([
      "vector_lens", "num_centroids", "num_res_centroids", "group_num", "group_size", "outlier_size",
      "indices_as_float", "enable_norm", "enable_perm",
    ])
    if !settings.isPacked { limits.append(Limit(.fails, "it takes packed codes only")) }
    if settings.normEnabled, settings.normAxis == .output {
      limits.append(
        Limit(
          outFeatures == inFeatures ? .wrong : .fails, "it takes one scale and shift per input column (norm_dim 0) only"
        ))
    }
    return limits + shapeLimits
  }

  private func missing(_ required: Set<String>) -> [Limit] {
    let absent = required.subtracting(statedKeys).sorted()
    return absent.isEmpty ? [] : [Limit(.fails, "it needs the keys \(absent.joined(separator: ", "))")]
  }

  /// The module computes the shape of packed codes from the stated group size and from truncated logarithms.
  private var shapeLimits: [Limit] {
    if leavesGroupSizeOpen { return [Limit(.fails, "it needs a stated group_size")] }
    guard settings.isPacked else { return [] }
    let truncatedBits =
      Self.truncatedLogarithm(settings.centroidCount)
      + (settings.hasResidual ? Self.truncatedLogarithm(settings.residualCentroidCount) : 0)
    guard (settings.groupSize * truncatedBits + 31) / 32 != settings.wordsPerRow else { return [] }
    return [Limit(.fails, "it packs only codebooks whose size is a power of two")]
  }

  private static func truncatedLogarithm(_ count: Int) -> Int { Int.bitWidth - 1 - count.leadingZeroBitCount }

  /// The dequantization in torch.
  var torchLimits: [Limit] {
    guard settings.isPacked else { return [] }
    var limits: [Limit] = []
    if settings.groupSize * settings.codeBits <= 16 {
      limits.append(Limit(.fails, "it cannot unpack rows of 16 or fewer bits of codes"))
    }
    if settings.residualBits > settings.mainBits {
      limits.append(Limit(.wrong, "it cuts residual codes down to the width of main codes"))
    }
    return limits
  }

  /// The kernels, fused for one or two tokens and dequantizing for more.
  var kernelLimits: [Limit] {
    let s = settings
    var limits: [Limit] = []
    if !s.isPacked { limits.append(Limit(.fails, "its kernels take packed codes only")) }
    if ![2, 4, 6, 8, 10, 12, 16].contains(s.vectorLength) {
      limits.append(Limit(.fails, "vectors of \(s.vectorLength); its kernels take 2, 4, 6, 8, 10, 12 and 16"))
    }
    if ![4, 8, 10, 12, 13, 14, 15, 16].contains(s.mainBits) {
      limits.append(Limit(.fails, "main codes of \(s.mainBits) bits; its kernels take 4, 8, 10 and 12 to 16"))
    }
    if s.hasResidual, ![2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16].contains(s.residualBits) {
      limits.append(Limit(.fails, "residual codes of \(s.residualBits) bits; its kernels take 2 to 12, 15 and 16"))
    }
    if !s.normEnabled { limits.append(Limit(.fails, "its kernels need weight_scale and weight_bias")) }
    if inFeatures <= 256 {
      limits.append(Limit(.fails, "\(inFeatures) inputs; its fused kernel takes more than 256"))
    }
    if s.groupCount > 1, s.hasResidual, s.residualCentroidCount != s.centroidCount {
      limits.append(Limit(.wrong, "its kernels find residual codebooks of several groups only if as large as the main"))
    }
    return limits + kernelOutlierLimits
  }

  private var kernelOutlierLimits: [Limit] {
    guard settings.hasOutliers else { return [] }
    guard settings.outlierVectorLength == 4 else {
      return [Limit(.fails, "outlier vectors of \(settings.outlierVectorLength); its fused kernel takes 4")]
    }
    var limits: [Limit] = []
    if settings.vectorLength % 4 != 0 {
      limits.append(Limit(.wrong, "beside outliers its kernels take vectors of 4, 8, 12 and 16"))
    }
    if outFeatures % 4 != 0 {
      limits.append(Limit(.wrong, "its kernels skip the last outlier vector of \(outFeatures) outputs"))
    }
    return limits
  }

  /// The package loads tensors as stored; the integration in transformers converts them to float16 first.
  var kernelTypeLimits: [Limit] {
    [.float16, .bfloat16].contains(dtype)
      ? [] : [Limit(.fails, "\(dtype.rawValue) codebooks; its kernels take float16 and bfloat16")]
  }
}
