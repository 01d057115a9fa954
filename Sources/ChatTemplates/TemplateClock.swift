public import Foundation

/// The time that `strftime_now` prints, with English names in every locale.
public struct TemplateClock: Sendable {
  private let now: @Sendable () -> Date
  private let timeZone: TimeZone

  /// A clock that asks `now` at each use and prints it in a time zone.
  public init(timeZone: TimeZone, now: @escaping @Sendable () -> Date) {
    self.timeZone = timeZone
    self.now = now
  }

  /// The clock of the machine in its time zone.
  public static let system = TemplateClock(timeZone: .current) { Date() }

  /// A clock that stands still at a UTC time, in seconds since 1970.
  public static func fixed(_ seconds: Double) -> TemplateClock {
    let date = Date(timeIntervalSince1970: seconds)
    return TemplateClock(timeZone: TimeZone(secondsFromGMT: 0) ?? .current) { date }
  }

  private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]

  /// C's `strftime` in the C locale; a directive it does not know stays as written.
  func text(_ format: String) throws -> String {
    let date = now()
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = timeZone
    let parts = calendar.dateComponents(
      [.year, .month, .day, .hour, .minute, .second, .weekday, .nanosecond], from: date)
    let day = calendar.ordinality(of: .day, in: .year, for: date) ?? 1
    let time = Time(parts, dayOfYear: day, date: date)
    return Self.text(format, time)
  }

  private struct Time {
    let year, month, day, hour, minute, second, weekday, microsecond, dayOfYear: Int
    let date: Date

    init(_ parts: DateComponents, dayOfYear: Int, date: Date) {
      year = parts.year ?? 1970
      month = parts.month ?? 1
      day = parts.day ?? 1
      hour = parts.hour ?? 0
      minute = parts.minute ?? 0
      second = parts.second ?? 0
      weekday = (parts.weekday ?? 1) - 1
      microsecond = (parts.nanosecond ?? 0) / 1000
      self.dayOfYear = dayOfYear
      self.date = date
    }
  }

  private static func text(_ format: String, _ time: Time) -> String {
    var result = ""
    var scalars = format.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "%", var directive = scalars.popFirst() else {
        result.unicodeScalars.append(scalar)
        continue
      }
      var isUnpadded = false
      if directive == "-", let next = scalars.popFirst() {
        isUnpadded = true
        directive = next
      }
      result += text(directive, time, isUnpadded)
    }
    return result
  }

  private static func text(_ directive: Unicode.Scalar, _ time: Time, _ isUnpadded: Bool) -> String {
    func padded(_ value: Int, _ width: Int, _ fill: String = "0") -> String {
      let digits = String(value)
      return isUnpadded ? digits : String(repeating: fill, count: max(0, width - digits.utf8.count)) + digits
    }
    switch directive {
    case "Y": return String(time.year)
    case "y": return padded(time.year % 100, 2)
    case "C": return padded(time.year / 100, 2)
    case "m": return padded(time.month, 2)
    case "d": return padded(time.day, 2)
    case "e": return padded(time.day, 2, " ")
    case "H": return padded(time.hour, 2)
    case "k": return padded(time.hour, 2, " ")
    case "I": return padded((time.hour + 11) % 12 + 1, 2)
    case "l": return padded((time.hour + 11) % 12 + 1, 2, " ")
    case "M": return padded(time.minute, 2)
    case "S": return padded(time.second, 2)
    case "f": return padded(time.microsecond, 6)
    case "j": return padded(time.dayOfYear, 3)
    case "p": return time.hour < 12 ? "AM" : "PM"
    case "A": return days[time.weekday]
    case "a": return String(days[time.weekday].prefix(3))
    case "B": return months[time.month - 1]
    case "b", "h": return String(months[time.month - 1].prefix(3))
    case "w": return String(time.weekday)
    case "u": return String(time.weekday == 0 ? 7 : time.weekday)
    case "U": return padded((time.dayOfYear + 6 - time.weekday) / 7, 2)
    case "W": return padded((time.dayOfYear + 6 - (time.weekday + 6) % 7) / 7, 2)
    case "s": return String(Int(time.date.timeIntervalSince1970))
    case "D": return text("%m/%d/%y", time)
    case "F": return text("%Y-%m-%d", time)
    case "T", "X": return text("%H:%M:%S", time)
    case "R": return text("%H:%M", time)
    case "r": return text("%I:%M:%S %p", time)
    case "x": return text("%m/%d/%y", time)
    case "c": return text("%a %b %e %H:%M:%S %Y", time)
    case "z", "Z": return ""
    case "n": return "\n"
    case "t": return "\t"
    case "%": return "%"
    default: return "%" + (isUnpadded ? "-" : "") + String(directive)
    }
  }
}
