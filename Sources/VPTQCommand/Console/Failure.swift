import ChatTemplates
import Checkpoints
import Evaluation
import Foundation
import Generation
import JSONReader
import LanguageModels
import Launching
import Quantization
import Serving
import Tensors
import Tokenizers
import VectorQuantization

/// The exit codes of the program.
enum ExitStatus: Int32 {
  case usage = 64
  case badData = 65
  case missingInput = 66
  case internalError = 70
  case cannotWrite = 73
  case interrupted = 130
}

/// A failure that a command itself found.
protocol CommandError: Error {}

/// A failure as the user meets it: one line, and an exit code.
struct Failure: CommandError {
  let exit: ExitStatus
  let code: String
  let message: String
  var hint: String?

  init(exit: ExitStatus, code: String, message: String, hint: String? = nil) {
    self.exit = exit
    self.code = code
    self.message = message
    self.hint = hint
  }

  /// Any error of the rooms below, with the exit code that fits its kind.
  init(_ error: any Error) {
    switch error {
    case let failure as Failure:
      self = failure
    case let error as QuantizationError:
      self.init(exit: Self.status(error.code), code: error.code.rawValue, message: error.message)
    case let error as CheckpointError:
      self.init(exit: Self.status(error.code), code: error.code.rawValue, message: error.message)
    case let error as TensorError:
      self.init(
        exit: error.code == .cannotOpenFile ? .missingInput : .badData, code: error.code.rawValue,
        message: error.message)
    case let error as LanguageModelError:
      self.init(exit: .badData, code: error.code.rawValue, message: error.message)
    case let error as VectorQuantizationError:
      self.init(exit: .badData, code: error.code.rawValue, message: error.message)
    case let error as TokenizerError:
      self.init(exit: .badData, code: error.code.rawValue, message: error.message)
    case let error as GenerationError:
      self.init(exit: Self.status(error.code), code: error.code.rawValue, message: error.message)
    case let error as ServerError:
      self.init(
        exit: .cannotWrite, code: error.code.rawValue, message: error.message, hint: "give another --port or --host")
    case let error as LaunchingError:
      self.init(exit: Self.status(error.code), code: error.code.rawValue, message: error.message)
    case let error as EvaluationError:
      self.init(exit: Self.status(error.code), code: error.code.rawValue, message: error.message)
    case let error as TemplateError:
      self.init(exit: .badData, code: "\(error.code)", message: error.message)
    case let error as JSONError:
      self.init(exit: .badData, code: "badJSON", message: "\(error)")
    case is CancellationError:
      self.init(exit: .interrupted, code: "interrupted", message: "interrupted")
    default:
      self.init(exit: .internalError, code: "internal", message: "\(error)")
    }
  }

  private static func status(_ code: QuantizationError.Code) -> ExitStatus {
    switch code {
    case .invalidRecipe: .usage
    case .missingInput: .missingInput
    case .cannotWrite: .cannotWrite
    case .interrupted: .interrupted
    case .incomplete, .taskFailed, .badCalibration, .badStatistics, .jobMismatch, .shapeMismatch, .nonFiniteWeight,
      .nonFiniteStatistic,
      .notPositiveDefinite, .unsupported, .nonFiniteLoss:
      .badData
    }
  }

  private static func status(_ code: LaunchingError.Code) -> ExitStatus {
    switch code {
    case .missingEngine: .missingInput
    case .engineFailed, .workerFailed, .alreadySubmitted: .badData
    case .cannotWrite: .cannotWrite
    }
  }

  private static func status(_ code: CheckpointError.Code) -> ExitStatus {
    switch code {
    case .missingFile, .notFound, .accessDenied, .unreachable: .missingInput
    case .cannotWrite: .cannotWrite
    case .wrongDeclaration: .internalError
    case .malformedFile, .unsupported, .missingTensor, .badAnswer, .damagedDownload: .badData
    }
  }

  private static func status(_ code: EvaluationError.Code) -> ExitStatus {
    switch code {
    case .missingFile: .missingInput
    case .cannotWrite: .cannotWrite
    case .invalidOption, .textTooShort, .notFinite, .badRecord, .badData, .mismatch: .badData
    }
  }

  private static func status(_ code: GenerationError.Code) -> ExitStatus {
    switch code {
    case .invalidOption, .badPrompt: .usage
    case .contextLengthExceeded, .noDistribution: .badData
    case .queueFull, .stopped: .internalError
    }
  }

  /// Prints the failure (a JSON document on standard output under `--json`, else one line on standard error) and ends.
  func leave(json: Bool) -> Never {
    if json {
      var fields: [(key: String, value: JSONValue)] = [("code", .string(code)), ("message", .string(message))]
      fields.append(("hint", hint.map(JSONValue.string) ?? .null))
      print(JSONValue.object([("error", .object(fields))]).serialized(pretty: true))
    } else {
      Console.writeError("vptq: \(message)")
      if let hint { Console.writeError("      \(hint)") }
    }
    Foundation.exit(exit.rawValue)
  }
}
