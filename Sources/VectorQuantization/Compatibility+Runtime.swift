extension Compatibility {
  /// A program that reads model folders, in the release whose limits are known.
  ///
  /// Limits of the CPU paths were found by running them (`Scripts/interop`), those of the CUDA kernels by reading
  /// their source and the instantiations that the released library exports.
  public enum Runtime: String, Sendable, CaseIterable {
    /// The loader of the package itself, computing with torch.
    case packageCPU = "vptq 0.0.5.post1 on CPU"
    /// The loader of the package itself, computing with its kernels.
    case packageCUDA = "vptq 0.0.5.post1 on CUDA"
    /// The integration of transformers (4.48.3 to 4.57.6), computing with torch.
    case transformersCPU = "transformers 4.57.6 with vptq 0.0.5.post1 on CPU"
    /// The integration of transformers (4.48.3 to 4.57.6), computing with the package's kernels.
    case transformersCUDA = "transformers 4.57.6 with vptq 0.0.5.post1 on CUDA"
    /// The integration as it was rewritten for transformers 5.
    case transformers5 = "transformers 5.24.0 with vptq 0.0.5.post1"
    /// Dense weights.
    case transformersDense = "transformers 5.24.0, dense weights"
    /// Dense weights, through the converter to GGUF.
    case llamaCppDense = "llama.cpp convert_hf_to_gguf.py, dense weights"

    /// Whether the program reads vector-quantized folders rather than dense ones.
    public var takesQuantized: Bool { self != .transformersDense && self != .llamaCppDense }

    /// The classes that both releases of transformers and the converter of llama.cpp (its table of text models,
    /// commit 00bdaa1) know.
    private static let knownClasses: Set<String> = [
      "LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM",
      "Qwen2MoeForCausalLM", "Qwen3MoeForCausalLM", "Phi3ForCausalLM", "GemmaForCausalLM", "Gemma2ForCausalLM",
      "Gemma3ForCausalLM", "Gemma3ForConditionalGeneration", "DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM",
    ]

    func limits(for model: StoredModelForm) -> [Limit] {
      var limits: [Limit] = []
      if !Self.knownClasses.contains(model.architecture) {
        limits.append(Limit(.fails, "\"\(model.architecture)\" is not known to be one of its classes"))
      }
      guard takesQuantized else { return limits }
      if self == .transformers5 {
        return limits + [
          Limit(.fails, "it refuses machines without a GPU, and looks modules up by a name that no module has")
        ]
      }
      if !model.hasCurrentSpelling {
        limits.append(
          Limit(.fails, "it reads settings only from quantization_config with config_for_layers or shared_layer_config")
        )
      }
      if model.headIsAbsent, self == .packageCPU || self == .packageCUDA {
        limits.append(Limit(.fails, "its loader leaves a head that is tied to the embedding unallocated"))
      }
      return limits
    }

    func limits(for layer: StoredLayerForm) -> [Limit] {
      switch self {
      case .packageCPU: layer.packageLoaderLimits + layer.torchLimits
      case .packageCUDA: layer.packageLoaderLimits + layer.kernelLimits + layer.kernelTypeLimits
      case .transformersCPU: layer.transformersLoaderLimits + layer.torchLimits
      case .transformersCUDA: layer.transformersLoaderLimits + layer.kernelLimits
      case .transformers5, .transformersDense, .llamaCppDense: []
      }
    }
  }
}
