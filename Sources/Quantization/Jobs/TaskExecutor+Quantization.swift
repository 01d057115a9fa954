import Checkpoints
import JSONReader
import Tensors

extension TaskExecutor {
  func quantization(_ task: JobTask, block: Int, part: Int, _ report: Report) throws {
    _ = try allocate()
    guard let plan = results.plan else { return }
    let quantizer = BlockQuantizer(model: work.model, matrices: plan.matrices(ofBlock: block, in: work, part: part))
    let (tensors, reports) = try quantizer.run(try moments(ofBlock: block), report: report)
    var metadata = results.metadata(task)
    metadata["report"] = JSONValue.array(reports.map(\.json)).serialized(pretty: false)
    metadata["content"] = Fingerprint.content(tensors)
    let writer = try SafetensorsWriter(
      path: results.folder.file(task),
      declarations: tensors.map { ($0.name, $0.tensor.dtype, $0.tensor.shape) }, metadata: metadata)
    for entry in tensors { try writer.append(entry.name, entry.tensor) }
    try writer.finish()
  }
}
