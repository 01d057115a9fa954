import ArgumentParser

/// A number of bytes as users write it: `500000`, `300MB`, `2GB`, in powers of 1000.
struct ByteCount: ExpressibleByArgument, CustomStringConvertible {
  let bytes: Int

  init(bytes: Int) { self.bytes = bytes }

  /// As users would write it.
  var description: String {
    for (suffix, factor) in [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)] where bytes >= factor {
      if bytes % factor == 0 { return "\(bytes / factor)\(suffix)" }
    }
    return "\(bytes)"
  }

  init?(argument: String) {
    let text = argument.uppercased()
    let units: [(String, Double)] = [("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1), ("", 1)]
    for (suffix, factor) in units where text.hasSuffix(suffix) {
      guard let value = Double(text.dropLast(suffix.count)), value >= 0, value * factor < 1e18 else { return nil }
      bytes = Int(value * factor)
      return
    }
    return nil
  }
}
