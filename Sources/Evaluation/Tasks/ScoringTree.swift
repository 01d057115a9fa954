/// Sequences that begin alike, as a tree: every token that some share is computed once.
struct ScoringTree: Sendable {
  /// A run of tokens after those of its parent.
  struct Node: Sendable {
    let parent: Int?
    /// Steps from a node without a parent.
    let level: Int
    /// The position of its first token.
    let start: Int
    let tokens: ArraySlice<Int>
    /// The length of the longest sequence through this node.
    var longest: Int
    var children: [Int] = []
    /// Tokens whose predictions are asked for: after which one of the node, by which request, which token.
    var targets: [Target] = []

    /// The first of its tokens whose logits are needed, counted within the node.
    var firstRow: Int { targets.reduce(tokens.count) { min($0, $1.offset) } }
  }

  /// A prediction that counts.
  struct Target: Sendable, Equatable {
    /// The token after which the prediction is made, counted within the node.
    let offset: Int
    let request: Int
    /// The predicted token, and its place in the continuation.
    let token: Int
    let place: Int
  }

  private(set) var nodes: [Node] = []
  private let requests: [TokenRequest]

  /// A beginning that fewer tokens share is computed by each sequence.
  static let shortest = 8

  init(_ requests: [TokenRequest]) {
    self.requests = requests
    let sorted = requests.indices.sorted { left, right in
      let (a, b) = (requests[left].inputs, requests[right].inputs)
      return a.elementsEqual(b) ? left < right : a.lexicographicallyPrecedes(b)
    }
    build(sorted[...], from: 0, parent: nil)
    for (index, path) in paths.sorted(by: { $0.key < $1.key }) { addTargets(index, path: path) }
    paths = [:]
  }

  /// The node at which each request's sequence ends; only while the tree is built.
  private var paths: [Int: Int] = [:]

  /// Adds nodes for requests, sorted, that share `depth` tokens, all of them computed by `parent` and the nodes above it.
  private mutating func build(_ group: ArraySlice<Int>, from depth: Int, parent: Int?) {
    guard let first = group.first, let last = group.last else { return }
    let (low, high) = (requests[first].inputs, requests[last].inputs)
    let shared = zip(low, high).prefix { $0 == $1 }.count
    let ending = group.prefix { requests[$0].inputs.count == shared }
    if ending.count == group.count || shared - depth >= Self.shortest || depth == shared {
      var place = parent
      if shared > depth {
        let node = add(low[(low.startIndex + depth)..<(low.startIndex + shared)], start: depth, parent: parent)
        nodes[node].longest = group.reduce(0) { max($0, requests[$1].inputs.count) }
        place = node
      }
      for request in ending { paths[request] = place }
      split(group.dropFirst(ending.count), at: shared, from: shared, parent: place)
    } else {
      if let one = ending.first {
        let node = add(low[(low.startIndex + depth)...], start: depth, parent: parent)
        nodes[node].longest = requests[one].inputs.count
        for request in ending { paths[request] = node }
      }
      split(group.dropFirst(ending.count), at: shared, from: depth, parent: parent)
    }
  }

  /// Builds each run of requests that have the same token at a position.
  private mutating func split(_ group: ArraySlice<Int>, at position: Int, from depth: Int, parent: Int?) {
    var rest = group
    while let first = rest.first {
      func token(_ request: Int) -> Int { requests[request].tokens[position] }
      let run = rest.prefix { token($0) == token(first) }
      build(run, from: depth, parent: parent)
      rest = rest.dropFirst(run.count)
    }
  }

  private mutating func add(_ tokens: ArraySlice<Int>, start: Int, parent: Int?) -> Int {
    let level = parent.map { nodes[$0].level + 1 } ?? 0
    nodes.append(Node(parent: parent, level: level, start: start, tokens: tokens, longest: 0))
    if let parent { nodes[parent].children.append(nodes.count - 1) }
    return nodes.count - 1
  }

  /// Hangs the predictions of a request's continuation on the nodes along its path.
  private mutating func addTargets(_ index: Int, path end: Int?) {
    let request = requests[index]
    var place = end
    let first = request.tokens.count - request.continuationCount
    for position in stride(from: request.tokens.count - 2, through: first - 1, by: -1) {
      while let node = place, nodes[node].start > position { place = nodes[node].parent }
      guard let node = place else { return }
      nodes[node].targets.append(
        Target(
          offset: position - nodes[node].start, request: index, token: request.tokens[position + 1],
          place: position + 1 - first))
    }
  }

  /// Tokens that are computed.
  var tokenCount: Int { nodes.reduce(0) { $0 + $1.tokens.count } }
}
