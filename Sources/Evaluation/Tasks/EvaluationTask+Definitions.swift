import JSONReader

// Prompts, choices and metrics of lm-eval 0.4.13, whose task files are named beside each.
extension EvaluationTask {
  /// `arc/arc_easy.yaml`
  static let arcEasy = arc("arc_easy", "ARC-Easy")
  /// `arc/arc_challenge.yaml`
  static let arcChallenge = arc("arc_challenge", "ARC-Challenge")

  private static func arc(_ name: String, _ part: String) -> EvaluationTask {
    let data = PublishedData(
      name, "allenai/ai2_arc", ["\(part)/test"], fileNames: ["\(name)_test", "\(part)-Test", name])
    let examples = PublishedData(
      "\(name)_train", "allenai/ai2_arc", ["\(part)/train"], fileNames: ["\(name)_train", "\(part)-Train"])
    return EvaluationTask(
      data: data, metric: .choicesNormalized, examples: TaskExamples.Source(data: examples, choice: .random)
    ) { row in
      // The published archive nests question and choices.
      let stem = row.json["question"]?["stem"]?.stringValue
      let (texts, labels) = try row.labelledChoices("choices", in: stem == nil ? nil : row.json["question"])
      return .choices(
        "Question: \(try stem ?? row.text("question"))\nAnswer:", texts,
        answer: try row.answer("answerKey", "answer", count: texts.count, labels: labels))
    }
  }

  /// Examples from the training split, of which there is one file by the usual names or those of the data set.
  private static func training(
    _ name: String, _ dataSet: String, _ places: [String], also others: [String] = []
  ) -> TaskExamples.Source {
    TaskExamples.Source(
      data: PublishedData("\(name)_train", dataSet, places, fileNames: ["\(name)_train"] + others),
      choice: .randomOthers)
  }

  /// `hellaswag/hellaswag.yaml`, `hellaswag/utils.py`
  static let hellaSwag = EvaluationTask(
    data: PublishedData(
      "hellaswag", "Rowan/hellaswag", ["data/validation", "default/validation"],
      fileNames: ["hellaswag_validation", "hellaswag_val", "hellaswag"]), metric: .choicesNormalized,
    examples: training("hellaswag", "Rowan/hellaswag", ["data/train", "default/train"])
  ) { row in
    func cleaned(_ text: String) -> String {
      let titled = PythonText.replaced(PythonText.stripped(text), " [title]", with: ". ")
      return PythonText.replaced(PythonText.withoutBrackets(titled), "  ", with: " ")
    }
    let context = try row.text("ctx_a") + " " + PythonText.capitalized(try row.text("ctx_b"))
    let endings = try row.texts("endings").map(cleaned)
    return .choices(
      cleaned("\(try row.text("activity_label")): \(context)"), endings,
      answer: try row.answer("label", count: endings.count))
  }

  /// `piqa/piqa.yaml`
  static let piqa = EvaluationTask(
    data: PublishedData(
      "piqa", "baber/piqa", ["data/validation", "plain_text/validation", "default/validation"],
      fileNames: ["piqa_validation", "piqa_valid", "piqa"]), metric: .choicesNormalized,
    examples: training("piqa", "baber/piqa", ["data/train", "plain_text/train", "default/train"])
  ) { row in
    .choices(
      "Question: \(try row.text("goal"))\nAnswer:", [try row.text("sol1"), try row.text("sol2")],
      answer: try row.answer("label", count: 2))
  }

  /// `winogrande/default.yaml`, `winogrande/preprocess_winogrande.py`: what follows the blank, after each option in the blank.
  static let winoGrande = EvaluationTask(
    data: PublishedData(
      "winogrande", "allenai/winogrande", ["winogrande_xl/validation"],
      fileNames: ["winogrande_xl_validation", "winogrande_validation", "dev", "winogrande"]), metric: .choices,
    examples: training("winogrande_xl", "allenai/winogrande", ["winogrande_xl/train"], also: ["train_xl"])
  ) { row in
    let parts = try row.text("sentence").split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw row.wrong("\"sentence\" has no blank _") }
    let contexts = [try row.text("option1"), try row.text("option2")].map { String(parts[0]) + $0 }
    let rest = " " + PythonText.stripped(String(parts[1]))
    return TaskItem(
      requests: contexts.map { TaskItem.Request(context: $0, continuation: rest) },
      answer: try row.answer("answer", count: 2, first: 1), choiceLengths: contexts.map { $0.unicodeScalars.count })
  }

  /// `lambada/lambada_openai.yaml`: the last word, which a space divides from the rest.
  static let lambada = EvaluationTask(
    data: PublishedData(
      "lambada_openai", "EleutherAI/lambada_openai", ["default/test", "data/lambada_test.jsonl"],
      fileNames: ["lambada_openai_test", "lambada_test_en", "lambada_test", "lambada_openai"]), metric: .lastWord
  ) { row in
    let words = try row.text("text").split(separator: " ", omittingEmptySubsequences: false)
    let last = String(words.last ?? "")
    return TaskItem(
      requests: [TaskItem.Request(context: words.dropLast().joined(separator: " "), continuation: " " + last)],
      answer: 0, choiceLengths: [last.unicodeScalars.count])
  }

  /// `super_glue/boolq/default.yaml`
  static let boolQ = EvaluationTask(
    data: PublishedData(
      "boolq", "aps/super_glue", ["boolq/validation"],
      fileNames: ["boolq_validation", "boolq_val", "boolq_dev", "boolq"]), metric: .choices,
    examples: training("boolq", "aps/super_glue", ["boolq/train"])
  ) { row in
    .choices(
      "\(try row.text("passage"))\nQuestion: \(try row.text("question"))?\nAnswer:", ["no", "yes"],
      answer: try row.answer("label", "answer", count: 2))
  }

  /// `mmlu/default`: a line that names the subject, the question, four lettered choices.
  static let mmlu = EvaluationTask(
    data: PublishedData("mmlu", "cais/mmlu", ["all/test"], fileNames: ["mmlu_test", "mmlu"]), metric: .choices,
    examples: TaskExamples.Source(
      data: PublishedData("mmlu_dev", "cais/mmlu", ["all/dev"], fileNames: ["mmlu_dev"]), choice: .first)
  ) { row in
    let subject = try row.text("subject")
    return .choices(
      try mmluQuestion(row), ["A", "B", "C", "D"],
      answer: try row.answer("answer", count: 4, labels: ["A", "B", "C", "D"]), part: subject,
      preamble: "The following are multiple choice questions (with answers) about "
        + "\(PythonText.replaced(subject, "_", with: " ")).\n\n")
  }

  /// Question and choices of a row, up to `Answer:`.
  private static func mmluQuestion(_ row: TaskRow) throws -> String {
    let choices = try row.texts("choices")
    guard choices.count == 4 else { throw row.wrong("\"choices\" has \(choices.count) texts, not 4") }
    return PythonText.stripped(try row.text("question")) + "\n"
      + zip(["A", "B", "C", "D"], choices).map { "\($0). \($1)\n" }.joined() + "Answer:"
  }
}
