/// How a report looks: calm, in the reader's own font, light or dark, on screens, phones and paper.
enum ReportStyle {
  /// Colours are variables; `s0` to `s7` are those of series, `h0` to `h8` shades of heat maps.
  static let css: StaticString = """

    :root { --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --faint: #eaeef2; --paper: #ffffff; --band: #f6f8fa;
      --c0: #0b63b8; --c1: #c4520c; --c2: #1a7f4b; --c3: #8045c9; --c4: #a3700a; --c5: #0d7f8c; --c6: #bf2a6b; --c7: #5b6570;
      --h0: #eaf2fb; --h1: #d2e3f5; --h2: #b3cfec; --h3: #8db6e0; --h4: #669bd1; --h5: #4580bf; --h6: #2a66a8; --h7: #174c8a; --h8: #0a3468;
      --hx: #f1f1ee; --notice: #fff6e0; --notice-line: #d9a300; }
    @media screen and (prefers-color-scheme: dark) {
      :root { --ink: #e3e8ee; --soft: #9aa5b1; --line: #3a424c; --faint: #2a3038; --paper: #15191e; --band: #1c2127;
        --c0: #62aef5; --c1: #f0924f; --c2: #56c48a; --c3: #b992f2; --c4: #dcb04a; --c5: #4fc3d0; --c6: #f07bab; --c7: #a4aeb9;
        --h0: #17293d; --h1: #1b3a58; --h2: #1f4b74; --h3: #265f93; --h4: #3476b2; --h5: #4c90cd; --h6: #70ace2; --h7: #9bc8f1; --h8: #cfe6fb;
        --hx: #22262b; --notice: #332a12; --notice-line: #b58a1a; } }
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
    body { margin: 0; background: var(--paper); color: var(--ink);
      font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif; }
    main { max-width: 784px; margin: 0 auto; padding: 40px 32px 24px; }
    h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; overflow-wrap: anywhere; text-wrap: balance; }
    .subtitle { color: var(--soft); margin: 0 0 24px; overflow-wrap: anywhere; }
    h2 { font-size: 20px; line-height: 1.3; margin: 44px 0 8px; padding-top: 14px; border-top: 1px solid var(--line); }
    p { margin: 0 0 12px; max-width: 68ch; overflow-wrap: anywhere; }
    .notice { background: var(--notice); border-left: 3px solid var(--notice-line); padding: 8px 12px; }
    .facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(160px, 1fr)); gap: 14px 24px; margin: 16px 0 20px; }
    .facts dt { color: var(--soft); font-size: 13px; line-height: 1.35; }
    .facts dd { margin: 0; font-size: 17px; line-height: 1.35; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
    figure { margin: 24px 0 32px; }
    figcaption { font-size: 14px; line-height: 1.5; color: var(--soft); margin-bottom: 10px; max-width: 76ch; overflow-wrap: anywhere; }
    figcaption strong { color: var(--ink); font-weight: 600; }
    .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 8px; padding: 0; font-size: 13px; }
    .legend li { display: flex; align-items: center; gap: 6px; overflow-wrap: anywhere; }
    .legend svg { flex: none; }
    .key { font-size: 13px; columns: 2 260px; margin: 4px 0 0; padding-left: 28px; overflow-wrap: anywhere; }
    .narrow { display: none; }
    .chart { display: block; width: 100%; height: auto; overflow: visible; font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif; }
    .chart text { fill: var(--soft); font-variant-numeric: tabular-nums; unicode-bidi: isolate; }
    .chart .l, .chart .f { fill: var(--ink); }
    .chart .f { font-weight: 600; }
    .chart .a { fill: var(--soft); }
    .g { stroke: var(--faint); stroke-width: 1; }
    .x { stroke: var(--line); stroke-width: 1; }
    .k { stroke: var(--soft); stroke-width: 0.7; opacity: 0.7; }
    .s0 { --c: var(--c0); } .s1 { --c: var(--c1); } .s2 { --c: var(--c2); } .s3 { --c: var(--c3); }
    .s4 { --c: var(--c4); } .s5 { --c: var(--c5); } .s6 { --c: var(--c6); } .s7 { --c: var(--c7); }
    .b { fill: var(--c); }
    .m { fill: var(--c); stroke: var(--paper); stroke-width: 1; }
    .o { fill: var(--paper); stroke: var(--c); stroke-width: 1.6; }
    .n { fill: none; stroke: var(--c); stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
    .e { stroke: var(--c); stroke-width: 1.4; }
    .p { fill: none; stroke: var(--c0); stroke-width: 1.4; stroke-dasharray: 5 4; opacity: 0.8; }
    .h0 { fill: var(--h0); } .h1 { fill: var(--h1); } .h2 { fill: var(--h2); } .h3 { fill: var(--h3); } .h4 { fill: var(--h4); }
    .h5 { fill: var(--h5); } .h6 { fill: var(--h6); } .h7 { fill: var(--h7); } .h8 { fill: var(--h8); } .hx { fill: var(--hx); }
    details { margin-top: 8px; font-size: 14px; }
    summary { cursor: pointer; color: var(--soft); width: fit-content; padding: 2px 0; }
    summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--c0); outline-offset: 2px; }
    .scroll { overflow-x: auto; margin-top: 8px; }
    details .scroll { max-height: 420px; overflow-y: auto; }
    table { border-collapse: collapse; font-size: 14px; line-height: 1.4; font-variant-numeric: tabular-nums; }
    th, td { padding: 5px 0 5px 20px; border-bottom: 1px solid var(--faint); text-align: left; vertical-align: top; }
    th:first-child, td:first-child { padding-left: 0; }
    thead th { color: var(--soft); font-weight: 500; font-size: 13px; border-bottom: 1px solid var(--line); vertical-align: bottom; }
    details thead th { position: sticky; top: 0; background: var(--paper); }
    tbody th { font-weight: 400; }
    .strong th, .strong td { font-weight: 600; }
    .r { text-align: right; }
    td.r { white-space: nowrap; }
    .w { overflow-wrap: anywhere; min-width: 11ch; }
    tbody th.w { min-width: 15ch; }
    footer { margin-top: 48px; padding-top: 12px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; }
    @media (max-width: 640px) {
      main { padding: 24px 20px 16px; }
      h1 { font-size: 23px; }
      h2 { margin-top: 34px; }
      .facts { grid-template-columns: 1fr 1fr; gap: 12px 16px; }
      .wide { display: none; }
      .narrow { display: block; }
      th, td { padding-left: 14px; } }
    @media print {
      @page { margin: 16mm 14mm; }
      body { font-size: 11pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
      main { max-width: none; padding: 0; }
      h2, h2 + p { break-after: avoid; }
      figure, .facts, tr { break-inside: avoid; }
      figcaption { break-after: avoid; }
      .scroll { overflow: visible; }
      details { display: none; } }

    """
}
