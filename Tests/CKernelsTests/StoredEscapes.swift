import CKernels

extension Arena {
  /// Escapes as kernels read them: rows filled up to whole fours with an entry that adds nothing.
  func place(escapes rows: [[(column: Int, entry: Int)]], values: [Float], vectorLength: Int) -> ck_escapes {
    let nothing = (column: 0, entry: values.count / vectorLength)
    var starts: [UInt32] = [0]
    var list: [UInt32] = []
    var rowOfFour: [UInt32] = []
    for (index, row) in rows.enumerated() {
      let fours = (row.count + 3) / 4
      let filled = row + [(column: Int, entry: Int)](repeating: nothing, count: 4 * fours - row.count)
      list += filled.map { UInt32($0.column) | UInt32($0.entry) << 16 }
      rowOfFour += [UInt32](repeating: UInt32(index), count: fours)
      starts.append(UInt32(list.count))
    }
    list.append(0)
    rowOfFour.append(0)
    return ck_escapes(
      starts: place(starts), list: UnsafeMutableRawPointer(place(list)).assumingMemoryBound(to: ck_escape.self),
      rows: place(rowOfFour), values: place(values + [Float](repeating: 0, count: vectorLength), offset: 1))
  }
}
