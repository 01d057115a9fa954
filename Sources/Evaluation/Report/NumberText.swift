import Foundation

/// Numbers as the reports write them, whatever the locale.
enum NumberText {
  /// A fixed count of decimals; an en dash for what is no number.
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return "–" }
    let text = String(format: "%.\(decimals)f", locale: Locale(identifier: "en_US_POSIX"), value)
    // A minus sign as wide as a plus, and none before zero.
    guard text.hasPrefix("-") else { return text }
    return text.contains { ("1"..."9").contains($0) } ? "\u{2212}" + text.dropFirst() : String(text.dropFirst())
  }

  /// At least `digits` significant digits, without an exponent between 0.0001 and a million.
  static func significant(_ value: Double, _ digits: Int = 3) -> String {
    guard value.isFinite else { return "–" }
    if value == 0 { return "0" }
    var magnitude = Int(log10(abs(value)).rounded(.down))
    // 0.9996 with three digits is 1.00.
    let scale = pow(10, Double(digits - 1 - magnitude))
    if scale.isFinite, (abs(value) * scale).rounded() >= pow(10, Double(digits)) { magnitude += 1 }
    if magnitude < -4 || magnitude > 8 {
      let mantissa = value / pow(10, Double(magnitude))
      return "\(fixed(mantissa, digits - 1))×\(powerOfTen(magnitude))"
    }
    return grouped(fixed(value, max(0, digits - 1 - magnitude)))
  }

  /// `10⁻⁵`.
  static func powerOfTen(_ exponent: Int) -> String { "10" + superscript(exponent) }

  /// A rate with a decimal or two, and its deviation in the same.
  static func rate(_ value: Double, _ deviation: Double = .nan) -> String {
    let decimals = value < 10 ? 2 : 1
    return fixed(value, decimals) + (deviation.isFinite ? " ± \(fixed(deviation, decimals))" : "")
  }

  /// A whole number with a narrow space between thousands.
  static func whole(_ value: Int) -> String { grouped(String(value).replacing("-", with: "\u{2212}")) }

  /// A share as percent.
  static func percent(_ share: Double, _ decimals: Int = 1) -> String {
    // A no-break space keeps number and unit together.
    "\(fixed(share * 100, decimals))\u{a0}%"
  }

  /// Bytes in powers of 1000 with three digits.
  static func bytes(_ bytes: Double) -> String {
    switch abs(bytes) {
    case 999.5e6...: "\(significant(bytes / 1e9))\u{a0}GB"
    case 999.5e3...: "\(significant(bytes / 1e6))\u{a0}MB"
    case 999.5...: "\(significant(bytes / 1e3))\u{a0}kB"
    default: "\(fixed(bytes, 0))\u{a0}B"
    }
  }

  /// `21600000` as `21.6 M`, three digits.
  static func count(_ count: Double) -> String {
    switch abs(count) {
    case 999_500_000...: "\(significant(count / 1e9))\u{a0}billion"
    case 999_500...: "\(significant(count / 1e6))\u{a0}million"
    default: whole(Int(count))
    }
  }

  /// A coordinate of a drawing: at most one decimal.
  static func coordinate(_ value: Double) -> String {
    let tenths = (value * 10).rounded()
    guard tenths.isFinite, abs(tenths) < 1e12 else { return "0" }
    let whole = Int(tenths)
    let sign = whole < 0 ? "-" : ""
    let magnitude = abs(whole)
    return magnitude % 10 == 0 ? "\(sign)\(magnitude / 10)" : "\(sign)\(magnitude / 10).\(magnitude % 10)"
  }

  private static func grouped(_ text: String) -> String {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let digits = parts[0].drop { !$0.isNumber }
    guard digits.count > 4 else { return text }
    var grouped = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { grouped += "\u{202f}" }
      grouped.append(digit)
    }
    return parts[0].prefix(parts[0].count - digits.count) + grouped + (parts.count > 1 ? "." + parts[1] : "")
  }

  private static func superscript(_ value: Int) -> String {
    let digits: [Character: Character] = [
      "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹",
    ]
    return String(String(value).map { digits[$0] ?? $0 })
  }
}
