import Testing

/// Options of `vptq serve` from environment variables: what is wrong is refused by the variable's name before anything is loaded.
@Suite("Environment of the server")
struct ServeEnvironmentTests {
  @Test(
    "A wrong value is refused with the variable's name",
    arguments: [
      ("VPTQ_PORT", "70000", "between 0 and 65535"), ("VPTQ_PARALLEL", "none", "between 1 and 256"),
      ("VPTQ_QUEUE", "-1", "between 0 and 100000"), ("VPTQ_CONTEXT", "1", "between 2 and"),
      ("VPTQ_MAX_BODY", "0", "between 1 and 4096"), ("VPTQ_MEMORY", "much", "above 0"),
      ("VPTQ_THREADS", "0", "between 1 and 1024"), ("VPTQ_HEAD", "int4", "native or int8"),
      ("VPTQ_KV_CACHE", "int4", "float32, float16 or int8"), ("VPTQ_WEIGHT_MEMORY", "much", "such as 8GB"),
      ("VPTQ_NO_READ_AHEAD", "yes", "1 or 0"),
      ("VPTQ_EXACT", "yes", "1 or 0"), ("VPTQ_QUIET", "2", "1 or 0"), ("VPTQ_ALLOW_CONTROL_TOKENS", "true", "1 or 0"),
    ])
  func refusals(name: String, value: String, reason: String) throws {
    let outcome = try Program.run(["serve", "no-such-model"], environment: [name: value])
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(name) && outcome.errors.contains(reason), "\(outcome.errors)")
  }

  @Test("An option goes before its variable; an empty variable is none")
  func precedence() throws {
    let environment = ["VPTQ_PORT": "70000", "VPTQ_MEMORY": "", "VPTQ_EXACT": ""]
    let outcome = try Program.run(["serve", "no-such-model", "--port", "0"], environment: environment)
    // What is wrong then is the model alone.
    #expect(outcome.status == 66 && outcome.errors.contains("no-such-model"), "\(outcome.errors)")
  }

  @Test("Variables that exclude each other are refused together")
  func exclusion() throws {
    let outcome = try Program.run(["serve", "m"], environment: ["VPTQ_EXACT": "1", "VPTQ_HEAD": "int8"])
    #expect(outcome.status == 64 && outcome.errors.contains("exclude"), "\(outcome.errors)")
  }
}
