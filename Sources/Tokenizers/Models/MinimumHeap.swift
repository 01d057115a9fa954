/// A binary heap of integers with the lowest at the top.
struct MinimumHeap {
  private var elements: [UInt64] = []

  /// Forgets all elements.
  mutating func removeAll() { elements.removeAll(keepingCapacity: true) }

  /// Adds an element.
  mutating func insert(_ element: UInt64) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if elements[parent] <= elements[child] { break }
      elements.swapAt(parent, child)
      child = parent
    }
  }

  /// Removes and returns the lowest element, or nil where there is none.
  mutating func popMinimum() -> UInt64? {
    guard let minimum = elements.first, let last = elements.popLast() else { return nil }
    if elements.isEmpty { return minimum }
    elements[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < elements.count else { break }
      if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
      if elements[parent] <= elements[child] { break }
      elements.swapAt(parent, child)
      parent = child
    }
    return minimum
  }
}
