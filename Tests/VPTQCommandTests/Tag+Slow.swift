import Testing

extension Tag {
  /// A test that takes seconds: it runs the program many times.
  @Tag static var slow: Self
}
