import Tensors
import VectorQuantization

extension TunedMatrix {
  /// Takes a layer's codes, and adds its codebooks, scales, shifts and bias to what is tuned.
  ///
  /// - Throws: `QuantizationError` (`unsupported`) for scales along the output.
  convenience init(_ layer: VectorQuantizedLinear, _ collection: inout TunedParameters.Collection) throws {
    let settings = layer.settings
    guard !settings.normEnabled || settings.normAxis == .input else {
      throw QuantizationError(
        .unsupported, "\(layer.module) has one scale for each output; only scales of input columns can be tuned")
    }
    let columns = layer.permutation?.indices.map { Int($0) } ?? Array(0..<layer.inFeatures)
    let rows = settings.vectorRows(outFeatures: layer.outFeatures)
    let (main, residual) = (layer.mainCodes(), layer.residualCodes())
    var groups: [(columns: [Int], codes: [UInt16], residualCodes: [UInt16], unit: Float)] = []
    for group in 0..<settings.groupCount {
      let first = group * rows * settings.groupSize
      let codes = Self.transposed(main[first..<(first + rows * settings.groupSize)], rows: rows)
      let start = settings.outlierSize + group * settings.groupSize
      groups.append(
        (
          Array(columns[start..<(start + settings.groupSize)]), codes,
          residual.map { Self.transposed($0[first..<(first + rows * settings.groupSize)], rows: rows) } ?? [],
          Self.unit(layer.centroids.floats(group: group), codes, settings.vectorLength)
        ))
    }
    let wholeUnits = groups.enumerated().map { Self.wholeUnit(layer, group: $0, $1.codes, $1.residualCodes) }
    let table = Self.add(
      layer.centroids, "centroids.weight", layer, units: groups.map(\.unit), wholeUnits: wholeUnits, &collection)
    let residualTable = layer.residualCentroids.map {
      Self.add($0, "res_centroids.weight", layer, units: groups.map(\.unit), wholeUnits: wholeUnits, &collection)
    }
    func share(_ range: Range<Int>, _ group: Int) -> Range<Int> {
      let count = range.count / settings.groupCount
      return (range.lowerBound + group * count)..<(range.lowerBound + (group + 1) * count)
    }
    var parts = groups.enumerated().map { index, group in
      Part(
        columns: group.columns, codes: group.codes, residualCodes: group.residualCodes, vectors: rows,
        vectorLength: settings.vectorLength, table: share(table, index),
        residualTable: residualTable.map { share($0, index) })
    }
    if let book = layer.outlierCentroids, let indices = layer.outlierIndices {
      let outlierRows = settings.outlierRows(outFeatures: layer.outFeatures)
      let codes = Self.transposed(try indices.codes(name: "\(layer.module).outlier_indices")[...], rows: outlierRows)
      let unit = Self.unit(book.floats(group: 0), codes, settings.outlierVectorLength)
      parts.append(
        Part(
          columns: Array(columns[..<settings.outlierSize]), codes: codes, residualCodes: [], vectors: outlierRows,
          vectorLength: settings.outlierVectorLength,
          table: Self.add(book, "outlier_centroids.weight", layer, units: [unit], &collection), residualTable: nil))
    }
    // Scales move in proportion to themselves, shifts in proportion to the scales.
    let scales = try layer.scale?.floats() ?? []
    let scale = layer.scale.map { collection.add("\(layer.module).weight_scale", scales, like: $0, unit: scales) }
    let shift = try layer.shift.map {
      collection.add("\(layer.module).weight_bias", try $0.floats(), like: $0, unit: scales)
    }
    let bias = try layer.bias.map { tensor in
      let values = try tensor.floats()
      let unit = Self.rootMeanSquare(values)
      return collection.add(
        "\(layer.module).bias", values, like: tensor, unit: [Float](repeating: unit, count: values.count))
    }
    self.init(layer, parts: parts, scale: scale, shift: shift, bias: bias)
  }

  private static func add(
    _ book: Codebook, _ name: String, _ layer: VectorQuantizedLinear, units: [Float],
    wholeUnits: [Float?] = [nil], _ collection: inout TunedParameters.Collection
  ) -> Range<Int> {
    let size = book.count * book.vectorLength
    return collection.add(
      "\(layer.module).\(name)", (0..<book.groupCount).flatMap(book.floats), like: book.tensor,
      unit: units.flatMap { [Float](repeating: $0, count: size) }, wholeUnits: wholeUnits)
  }

  /// The unit of a group's centroids, where the quantizer rounded them to one.
  private static func wholeUnit(
    _ layer: VectorQuantizedLinear, group: Int, _ codes: [UInt16], _ residualCodes: [UInt16]
  ) -> Float? {
    let (settings, residual) = (layer.settings, layer.residualCentroids?.floats(group: group))
    guard max(settings.centroidCount, settings.residualCentroidCount) <= CommonUnit.largestCodebook else { return nil }
    var usage = [Int](repeating: 0, count: 1 << settings.codeBits)
    for (index, code) in codes.enumerated() {
      usage[Int(code) | (residual == nil ? 0 : Int(residualCodes[index]) << settings.mainBits)] += 1
    }
    return CommonUnit.find(
      main: layer.centroids.floats(group: group), residual: residual, vectorLength: settings.vectorLength,
      mainBits: settings.mainBits, usage: usage)
  }

  /// `codes[rows, columns]` as `[columns, rows]`.
  private static func transposed(_ codes: ArraySlice<UInt32>, rows: Int) -> [UInt16] {
    let columns = codes.count / max(rows, 1)
    return [UInt16](unsafeUninitializedCapacity: codes.count) { target, initialized in
      codes.withUnsafeBufferPointer { codes in
        for column in 0..<columns {
          for row in 0..<rows {
            target[column * rows + row] = UInt16(truncatingIfNeeded: codes[row * columns + column])
          }
        }
      }
      initialized = codes.count
    }
  }

  /// The root mean square of the values that the codes stand for: in what unit a codebook's centroids move.
  private static func unit(_ table: [Float], _ codes: [UInt16], _ length: Int) -> Float {
    let energies = Swift.stride(from: 0, to: table.count, by: length).map { first in
      table[first..<(first + length)].reduce(0) { $0 + Double($1) * Double($1) }
    }
    let mean = codes.reduce(0) { $0 + energies[Int($1)] } / Double(max(1, codes.count * length))
    return mean > 0 ? Float(mean.squareRoot()) : 1
  }

  private static func rootMeanSquare(_ values: [Float]) -> Float {
    Float((values.reduce(0) { $0 + Double($1) * Double($1) } / Double(max(1, values.count))).squareRoot())
  }
}
