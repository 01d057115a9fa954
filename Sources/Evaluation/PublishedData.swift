public import Checkpoints
import DataFiles
import Foundation

/// Rows that a task or a text is made of: where the hub has them, and under which names they lie in a folder.
public struct PublishedData: Sendable {
  /// What the task or text is called.
  public let name: String
  /// The data set of the hub, `org/name`.
  public let dataSet: String
  /// Beginnings of the paths of its files there, `folder/split`: those of the data set itself, and those of the copy in
  /// Parquet that the hub makes of every data set. The first that leads to files counts.
  let places: [String]
  /// Names of its file in a folder, without their ends.
  let fileNames: [String]

  init(_ name: String, _ dataSet: String, _ places: [String], fileNames: [String]) {
    self.name = name
    self.dataSet = dataSet
    self.places = places
    self.fileNames = fileNames
  }

  /// Which files of the data set are wanted.
  public var selection: HubSelection { HubSelection(anyOf: places.map { $0 + "*" }) }

  /// Where the hub has the files: in the data set itself, or else in the copy that it makes.
  public var repositories: [HubRepository] {
    ["main", "refs/convert/parquet"].compactMap { HubRepository(dataSet, kind: .dataSet, revision: $0) }
  }

  /// The command that pulls the files.
  public var pullCommand: String {
    "vptq pull --data-set \(dataSet)" + places.map { " --include '\($0)*'" }.joined()
  }

  /// The files in a folder: one by its name, or those of the data set as it is published.
  func files(in folder: String) -> [DataFile]? {
    for base in [folder, "\(folder)/\(name)"] {
      for file in fileNames {
        for ending in DataFile.rowEndings {
          let path = "\(base)/\(file).\(ending)"
          if FileManager.default.fileExists(atPath: path) { return [DataFile(path: path)] }
        }
      }
    }
    let short = dataSet.split(separator: "/").last ?? ""
    for base in [folder, "\(folder)/\(name)", "\(folder)/\(dataSet)", "\(folder)/\(short)"] {
      for place in places {
        let files = Self.files(base, beginning: place)
        if !files.isEmpty { return files }
      }
    }
    return nil
  }

  /// The files whose paths below `base` begin so, or that lie in a folder whose path does, in the order of their names.
  private static func files(_ base: String, beginning place: String) -> [DataFile] {
    let start = "\(base)/\(place)"
    let parent = (start as NSString).deletingLastPathComponent
    let prefix = (start as NSString).lastPathComponent
    func entries(_ folder: String) -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().map { "\(folder)/\($0)" }
    }
    func hasRows(_ path: String) -> Bool { DataFile.rowEndings.contains { path.lowercased().hasSuffix("." + $0) } }
    let found = entries(parent).filter { ($0 as NSString).lastPathComponent.hasPrefix(prefix) }
    return (found.filter(hasRows) + found.filter { !hasRows($0) }.flatMap { entries($0).filter(hasRows) }).map(
      DataFile.init)
  }

  /// That nothing was found, with what was looked for and what to do.
  func missing(in folders: [String], also other: String? = nil) -> EvaluationError {
    let names = (other.map { [$0] } ?? []) + fileNames.map { "\($0).jsonl" } + places.map { "\($0)*" }
    return EvaluationError(
      .missingFile,
      "\(folders.joined(separator: ", ")) has no data of \(name); looked for \(names.joined(separator: ", ")), also as "
        + ".json or .parquet or packed (.gz, .zst). Without --data it is pulled from the hub, as by \(pullCommand)")
  }
}

extension EvaluationError {
  /// Runs `body`, whose failures to read a file become those of a measurement.
  static func reading<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as DataFileError {
      throw EvaluationError(error.code == .missingFile ? .missingFile : .badData, error.message)
    }
  }
}
