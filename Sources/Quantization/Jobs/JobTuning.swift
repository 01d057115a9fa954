import JSONReader
import Tensors

/// How a job tunes what it has quantized.
struct JobTuning: Sendable {
  let options: TuningOptions
  /// What windows are cut from; nil for the calibration text, each of its windows a stream.
  let text: TuningText?

  /// Of everything that decides what tuning does to a quantized model; `calibration` is the fingerprint of that text.
  func fingerprint(calibration: String) -> String {
    var print = Fingerprint()
    if let text {
      for stream in text.streams {
        print.add(stream.count)
        for token in stream { print.add(token) }
      }
    } else {
      print.add(calibration)
    }
    var decisive = options
    decisive.checkpointInterval = 1
    print.add("\(decisive)")
    return print.text
  }
}

extension TuningOptions {
  /// As `job.json` has it.
  var json: JSONValue {
    .object([
      ("mode", .string(mode.rawValue)), ("steps", .integer(steps)), ("tokens", .integer(tokens)),
      ("windows_per_step", .integer(windowsPerStep)), ("block_windows", .integer(blockWindows)),
      ("rate", .number(Double(rate))), ("warmup", .integer(warmupSteps)), ("beta1", .number(Double(beta1))),
      ("beta2", .number(Double(beta2))), ("gradient_limit", .number(Double(gradientLimit))),
      ("seed", .string(String(seed))), ("exact", .bool(isExact)), ("checkpoint_interval", .integer(checkpointInterval)),
    ])
  }

  init?(_ json: JSONValue) {
    guard let mode = json["mode"]?.stringValue.flatMap(Mode.init), let steps = json["steps"]?.intValue,
      let tokens = json["tokens"]?.intValue, let windows = json["windows_per_step"]?.intValue,
      let blockWindows = json["block_windows"]?.intValue, let rate = json["rate"]?.doubleValue,
      let warmup = json["warmup"]?.intValue, let beta1 = json["beta1"]?.doubleValue,
      let beta2 = json["beta2"]?.doubleValue, let limit = json["gradient_limit"]?.doubleValue,
      let seed = json["seed"]?.stringValue.flatMap(UInt64.init), let exact = json["exact"]?.boolValue,
      let interval = json["checkpoint_interval"]?.intValue
    else { return nil }
    self.init(mode: mode, steps: steps, tokens: tokens, rate: Float(rate))
    (windowsPerStep, self.blockWindows, warmupSteps) = (windows, blockWindows, warmup)
    (self.beta1, self.beta2, gradientLimit) = (Float(beta1), Float(beta2), Float(limit))
    (self.seed, isExact, checkpointInterval) = (seed, exact, interval)
  }
}
