import Foundation
import Synchronization

/// Reads lines from a terminal with editing and history, or plainly from anything else.
///
/// Keys: left, right, Home, End, Ctrl-A, Ctrl-E, backspace, Delete, Ctrl-K, Ctrl-U, Ctrl-W, up and down through the history,
/// Ctrl-L, Ctrl-C for an empty line, Ctrl-D on an empty line for the end.
final class LineEditor {
  let isTerminal: Bool
  private var history: [String] = []
  private static let original = Mutex<termios?>(nil)

  init(isTerminal: Bool) { self.isTerminal = isTerminal }

  /// The next line without its end; nil at the end of the input.
  func line(prompt: String) -> String? {
    guard isTerminal, Self.enterRawMode() else { return readLine(strippingNewline: true) }
    defer { Self.restoreTerminal() }
    var editing = Editing(history: history)
    drawnCursorRow = 0
    while true {
      draw(prompt, editing)
      guard let key = readKey() else { return nil }
      switch editing.take(key) {
      case .more: continue
      case .clear:
        Console.write("\u{1b}[H\u{1b}[2J")
        drawnCursorRow = 0
      case .end:
        Console.write("\r\n")
        return nil
      case .done:
        editing.cursor = editing.text.count
        draw(prompt, editing)
        Console.write("\r\n")
        let text = String(editing.text)
        if !text.isEmpty, history.last != text { history.append(text) }
        return text
      }
    }
  }

  /// Puts the terminal back as it was.
  static func restoreTerminal() {
    original.withLock { original in
      guard var settings = original else { return }
      tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
      original = nil
    }
  }

  private static func enterRawMode() -> Bool {
    var settings = termios()
    guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return false }
    let before = settings
    settings.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
    settings.c_iflag &= ~tcflag_t(IXON | ICRNL)
    guard tcsetattr(STDIN_FILENO, TCSADRAIN, &settings) == 0 else { return false }
    original.withLock { $0 = before }
    return true
  }

  /// Rows from the first one drawn to the cursor's.
  private var drawnCursorRow = 0

  /// Draws the line over the one drawn before, over as many rows as it takes.
  private func draw(_ prompt: String, _ editing: Editing) {
    var size = winsize()
    let columns = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    var output = drawnCursorRow > 0 ? "\u{1b}[\(drawnCursorRow)A" : ""
    output += "\r\u{1b}[J" + prompt + String(editing.text)
    let width = prompt.count + editing.text.reduce(0) { $0 + Self.width($1) }
    let before = prompt.count + editing.text[..<editing.cursor].reduce(0) { $0 + Self.width($1) }
    // A full row leaves the cursor behind its last column: the next row is begun by hand.
    if width > 0, width % columns == 0 { output += "\r\n" }
    let (row, cursorRow) = (width / columns, before / columns)
    if row > cursorRow { output += "\u{1b}[\(row - cursorRow)A" }
    output += "\r" + (before % columns > 0 ? "\u{1b}[\(before % columns)C" : "")
    Console.write(output)
    drawnCursorRow = cursorRow
  }

  /// Columns of a character: two for the wide ones of East Asia and for pictures.
  private static func width(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first?.value else { return 0 }
    let isWide =
      (0x1100...0x115f).contains(scalar) || (0x2e80...0xa4cf).contains(scalar) || (0xac00...0xd7a3).contains(scalar)
      || (0xf900...0xfaff).contains(scalar) || (0xfe30...0xfe6f).contains(scalar) || (0xff00...0xff60).contains(scalar)
      || (0x1f300...0x1faff).contains(scalar) || (0x20000...0x3fffd).contains(scalar)
    return isWide ? 2 : 1
  }

  private func readByte() -> UInt8? {
    var byte: UInt8 = 0
    while true {
      let count = read(STDIN_FILENO, &byte, 1)
      if count == 1 { return byte }
      if count < 0, errno == EINTR { continue }
      return nil
    }
  }

  private func readKey() -> Key? {
    guard let byte = readByte() else { return nil }
    switch byte {
    case 0x0d, 0x0a: return .enter
    case 0x7f, 0x08: return .backspace
    case 0x1b: return escape()
    case ..<0x20: return .control(byte)
    case ..<0x80: return .character(Character(Unicode.Scalar(byte)))
    default:
      let count = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1
      let rest = (0..<count).compactMap { _ in readByte() }
      return String(validating: [byte] + rest, as: UTF8.self)?.first.map(Key.character) ?? .other
    }
  }

  private func escape() -> Key? {
    guard let kind = readByte() else { return nil }
    guard kind == UInt8(ascii: "[") || kind == UInt8(ascii: "O") else { return .other }
    var parameters: [UInt8] = []
    while let byte = readByte() {
      if (0x30...0x3f).contains(byte) {
        parameters.append(byte)
        continue
      }
      switch (byte, String(decoding: parameters, as: UTF8.self)) {
      case (UInt8(ascii: "A"), _): return .up
      case (UInt8(ascii: "B"), _): return .down
      case (UInt8(ascii: "C"), _): return .right
      case (UInt8(ascii: "D"), _): return .left
      case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), "1"), (UInt8(ascii: "~"), "7"): return .home
      case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), "4"), (UInt8(ascii: "~"), "8"): return .end
      case (UInt8(ascii: "~"), "3"): return .delete
      default: return .other
      }
    }
    return nil
  }

  /// A key as it was pressed.
  enum Key {
    case character(Character)
    case control(UInt8)
    case enter, backspace, delete, left, right, up, down, home, end, other
  }

  /// A line in the making.
  struct Editing {
    /// What a key led to.
    enum Outcome { case more, done, end, clear }

    var text: [Character] = []
    var cursor = 0
    private let history: [String]
    private var place: Int
    private var draft: [Character] = []

    init(history: [String]) {
      self.history = history
      place = history.count
    }

    mutating func take(_ key: Key) -> Outcome {
      switch key {
      case .character(let character):
        text.insert(character, at: cursor)
        cursor += 1
      case .enter: return .done
      case .backspace:
        if cursor > 0 {
          cursor -= 1
          text.remove(at: cursor)
        }
      case .delete: if cursor < text.count { text.remove(at: cursor) }
      case .left: cursor = max(0, cursor - 1)
      case .right: cursor = min(text.count, cursor + 1)
      case .home: cursor = 0
      case .end: cursor = text.count
      case .up: recall(place - 1)
      case .down: recall(place + 1)
      case .control(let byte): return control(byte)
      case .other: break
      }
      return .more
    }

    private mutating func control(_ byte: UInt8) -> Outcome {
      switch byte {
      case 0x01: cursor = 0
      case 0x05: cursor = text.count
      case 0x02: cursor = max(0, cursor - 1)
      case 0x06: cursor = min(text.count, cursor + 1)
      case 0x0b: text.removeSubrange(cursor...)
      case 0x15:
        text.removeSubrange(..<cursor)
        cursor = 0
      case 0x17:
        let start = text[..<cursor].lastIndex { !$0.isWhitespace }.flatMap { last in
          text[...last].lastIndex(where: \.isWhitespace).map { $0 + 1 }
        }
        text.removeSubrange((start ?? 0)..<cursor)
        cursor = start ?? 0
      case 0x03:
        text = []
        cursor = 0
      case 0x04:
        if text.isEmpty { return .end }
        if cursor < text.count { text.remove(at: cursor) }
      case 0x0c: return .clear
      default: break
      }
      return .more
    }

    private mutating func recall(_ next: Int) {
      guard (0...history.count).contains(next), next != place else { return }
      if place == history.count { draft = text }
      place = next
      text = next == history.count ? draft : Array(history[next])
      cursor = text.count
    }
  }
}
