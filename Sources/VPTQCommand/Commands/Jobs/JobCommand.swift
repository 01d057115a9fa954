import ArgumentParser

/// `vptq job`: a quantization as tasks, for any number of processes and machines that share a folder.
struct JobCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "job",
    abstract: "Quantize a model as tasks of a folder, on this machine or on a cluster.",
    discussion: """
      Examples:
        vptq job plan model.job smollm2 -o smollm2-3bit --bits 3 --shards 4
        vptq job submit model.job --engine local --parallel 4
        vptq job submit model.job --engine slurm --partition cpu --parallel 64
        vptq job status model.job
        vptq job merge model.job
      """,
    subcommands: [
      JobPlanCommand.self, JobRunCommand.self, JobSubmitCommand.self, JobStatusCommand.self, JobMergeCommand.self,
      JobSimulateCommand.self,
    ])
}
