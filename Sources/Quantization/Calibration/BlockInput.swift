import LanguageModels
import Tensors

/// An input of a block's linear layers, shared by all that read it.
struct BlockInput {
  let input: LinearInput
  let width: Int
  /// Full names of the modules that read it, in the order of the computation.
  var readers: [String]
}

extension ModelConfiguration {
  /// The distinct inputs of one block's linear layers; a router counts as a reader of what its experts choose from.
  func inputs(ofBlock index: Int) -> [BlockInput] {
    var readers = linears(ofBlock: index).map { (input: $0.input, width: $0.shape[1], name: $0.name) }
    if case .experts(let experts) = blocks[index].feedForward {
      readers.append((.feedForward, hiddenSize, experts.routerPath))
    }
    var inputs: [BlockInput] = []
    for reader in readers {
      let module = "\(blockModule(index)).\(reader.name)"
      if let known = inputs.firstIndex(where: { $0.input == reader.input }) {
        inputs[known].readers.append(module)
      } else {
        inputs.append(BlockInput(input: reader.input, width: reader.width, readers: [module]))
      }
    }
    return inputs
  }
}
