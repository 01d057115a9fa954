/// Load, run, quantize and measure language models.
///
/// ```swift
/// import VPTQ
///
/// let folder = try ModelDirectory(path: "smollm2-3bit")
/// let generator = TextGenerator(model: try ModelRegistry.load(folder), tokenizer: try Tokenizer(folder: folder.path))
/// for try await event in generator.stream(try generator.tokenizer?.encode("Once upon a time") ?? []) {
///   if case .text(let text) = event { print(text, terminator: "") }
/// }
/// ```
@_exported public import ChatTemplates
@_exported public import Checkpoints
@_exported public import Evaluation
@_exported public import Generation
@_exported public import JSONReader
@_exported public import LanguageModels
@_exported public import Launching
@_exported public import Quantization
@_exported public import Tensors
@_exported public import Tokenizers
@_exported public import VectorQuantization
