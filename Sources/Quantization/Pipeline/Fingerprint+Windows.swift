import Tensors

extension Fingerprint {
  mutating func add(_ windows: CalibrationWindows) {
    for window in windows.windows {
      for token in window { add(token) }
    }
  }
}
