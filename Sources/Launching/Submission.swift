import Checkpoints
import Foundation
import JSONReader

/// What has been handed to an engine, kept in the job folder as `submission.json`.
public struct Submission: Sendable, Equatable {
  /// A stage, or a part of one, under the engine's number.
  public struct Piece: Sendable, Equatable {
    /// The stage's name.
    public let stage: String
    /// The engine's number of it.
    public let number: String
    /// How many lanes it has.
    public let count: Int
  }

  /// The engine's name.
  public let engine: String
  /// In the order of submission.
  public let pieces: [Piece]

  /// Pieces of an engine.
  public init(engine: String, pieces: [Piece]) {
    (self.engine, self.pieces) = (engine, pieces)
  }

  private static func path(_ job: String) -> String { job + "/submission.json" }

  /// What was submitted last of a job; nil if nothing was.
  public init?(job: String) {
    guard FileManager.default.fileExists(atPath: Self.path(job)), let json = try? JSONFile.read(Self.path(job)),
      let engine = json["engine"]?.stringValue, let pieces = json["pieces"]?.arrayValue
    else { return nil }
    self.engine = engine
    self.pieces = pieces.compactMap { piece in
      guard let stage = piece["stage"]?.stringValue, let number = piece["number"]?.stringValue,
        let count = piece["count"]?.intValue
      else { return nil }
      return Piece(stage: stage, number: number, count: count)
    }
  }

  /// Keeps it in the job folder.
  ///
  /// - Throws: `LaunchingError` (`cannotWrite`).
  func write(job: String) throws {
    let list = pieces.map {
      JSONValue.object([
        ("stage", .string($0.stage)), ("number", .string($0.number)), ("count", .integer($0.count)),
      ])
    }
    do {
      try JSONFile.write(.object([("engine", .string(engine)), ("pieces", .array(list))]), to: Self.path(job))
    } catch let error as CheckpointError {
      throw LaunchingError(.cannotWrite, error.message)
    }
  }
}
