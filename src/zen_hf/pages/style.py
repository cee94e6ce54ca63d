# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How a page looks: light and dark as the reader's system, and on paper."""

STYLE = """
:root { --ink: #1c2733; --soft: #5a6875; --line: #d5dde5; --page: #ffffff; --panel: #f2f5f8; --own: #0b62a8; --heat: #0b62a8;
  --good: #d6efe0; --good-ink: #135c33; --warn: #fdebc2; --warn-ink: #714b00; --bad: #fbd9d5; --bad-ink: #8c1d14; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ee; --soft: #a3b0bc; --line: #3a4652; --page: #12181e;
  --panel: #1b232b; --own: #6cb4f0; --heat: #2b7cc4; --good: #17402a; --good-ink: #a6e3bf; --warn: #4a3a10; --warn-ink: #f6d68a;
  --bad: #54211c; --bad-ink: #f7b8b1; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1360px; margin: 2rem auto; padding: 0 1rem; color: var(--ink);
  background: var(--page); }
h1, h2, h3, h4 { line-height: 1.2; } h2 { margin-top: 3rem; border-top: 2px solid var(--line); padding-top: 1rem; }
a { color: var(--own); } .note { color: var(--soft); font-size: 13px; font-weight: 400; } .alarm { color: var(--bad-ink);
  background: var(--bad); padding: .4rem .8rem; border-radius: 4px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: left; vertical-align: middle; }
.scores td, .scores th, .bars td, .bars th { border-bottom: 1px solid var(--line); }
.scores thead th, .bars thead th { font-size: 13px; color: var(--soft); vertical-align: bottom; }
.scores { font-size: 14px; } .scores th, .scores td { padding: .22rem .45rem; } .scores td { white-space: nowrap; }
tr.task th { background: var(--panel); padding-top: .6rem; }
.badge { border-radius: 4px; padding: 0 .4rem; font-size: 12.5px; white-space: nowrap; background: var(--panel);
  color: var(--ink); border: 1px solid var(--line); font-weight: 500; }
.badge.clean { background: var(--good); color: var(--good-ink); } .badge.seen_labelled, .badge.miniature {
  background: var(--bad); color: var(--bad-ink); } .badge.seen_unlabelled, .badge.warning { background: var(--warn);
  color: var(--warn-ink); }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 2rem; font-size: 13px; color: var(--soft); }
.columns ul { padding: 0; list-style: none; } .columns p { margin: 0; font-weight: 700; }
svg.interval line.axis { stroke: var(--line); } svg.interval line.base { stroke: var(--soft); stroke-width: 2; }
svg.interval line.range { stroke: var(--own); stroke-width: 9; stroke-opacity: .4; } svg.interval .point { fill: var(--own); }
figure { margin: 1rem 0; break-inside: avoid; } .charts { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
svg.chart { max-width: 100%; } svg.chart text { fill: var(--ink); font-size: 12px; } svg.chart .title { font-size: 14px;
  font-weight: 700; } svg.chart .grid { stroke: var(--line); }
svg.chart text.mark { fill: var(--soft); font-size: 10.5px; } svg.chart text.name { font-weight: 600; }
svg.chart .whisker { stroke: var(--ink); stroke-width: 1.5; } svg.chart .chance { stroke: var(--soft); stroke-width: 1.5;
  stroke-dasharray: 4 3; } .charts.bars-of-tasks { gap: .8rem 1.2rem; }
.tasks tfoot th, .tasks tfoot td { background: var(--panel); border-bottom: 1px solid var(--line); white-space: normal; }
.strip { display: flex; flex-wrap: wrap; gap: .6rem; } .strip div { display: flex; flex-direction: column; }
.strip span { width: 0; min-width: 100%; } img { max-width: 100%; height: auto; image-rendering: pixelated; } .scale { display: inline-flex; align-items: center; gap: .4rem;
  font-size: 12px; color: var(--soft); } .scale i { width: 140px; height: 10px; display: inline-block; }
.answers .right { color: var(--good-ink); font-weight: 700; } .answers .wrong { color: var(--bad-ink); font-weight: 700; }
ul.classes { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: 13px; margin: .4rem 0; }
ul.classes li { display: flex; align-items: center; gap: .4rem; } ul.classes i { width: 14px; height: 14px;
  display: inline-block; border: 1px solid var(--soft); }
.ribbons .row { display: flex; align-items: center; gap: .6rem; margin: 2px 0; font-size: 13px; }
.ribbons .name { flex: 0 0 220px; text-align: right; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  direction: ltr; }
svg.ribbon { flex: 1; height: 18px; display: block; background: var(--panel); } .ribbons .row:nth-child(2) svg { height: 24px; }
.minutes { flex: 1; position: relative; height: 1.4em; border-top: 1px solid var(--soft); color: var(--soft); }
.minutes span { position: absolute; transform: translateX(-50%); } .minutes span:first-child { transform: none; }
.bars td { white-space: nowrap; } .bar { display: inline-block; width: 110px; height: 11px; background: var(--panel);
  margin-right: .5rem; } .bar i { display: block; height: 100%; }
table.confusion { font-size: 12px; } .confusion th { font-weight: 500; padding: .15rem .4rem; white-space: nowrap; }
.confusion thead th span { writing-mode: vertical-rl; transform: rotate(180deg); display: inline-block; max-height: 200px;
  overflow: hidden; text-overflow: ellipsis; } .confusion tbody th { max-width: 240px; overflow: hidden;
  text-overflow: ellipsis; }
.confusion thead th { vertical-align: bottom; } .confusion thead th:first-child { color: var(--soft); }
.confusion td { width: 2.1em; height: 2.1em; padding: 0; text-align: center; border: 1px solid var(--line);
  background: color-mix(in srgb, var(--heat) calc(var(--share) * 100%), var(--page)); } .confusion td.dark { color: #fff; }
.confusion td.empty { background: repeating-linear-gradient(45deg, var(--line) 0 2px, var(--page) 2px 7px); }
details { margin: .6rem 0; } summary { cursor: pointer; font-weight: 600; } details details { margin-left: 1rem; }
dl { display: grid; grid-template-columns: 9rem 1fr; gap: .2rem .8rem; font-size: 13px; } dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; } pre { background: var(--panel); padding: .6rem; white-space: pre-wrap;
  overflow-wrap: anywhere; font-size: 12px; }
@page { size: A4 landscape; margin: 10mm; }
@media print { body { max-width: none; margin: 0; font-size: 10px; } .wide { overflow: visible; } h2 { break-before: auto; }
  details::details-content { content-visibility: visible; block-size: auto; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } .scores { font-size: 10px; } .note, .badge, .columns, .scores thead th,
  .bars thead th { font-size: 9px; } .columns { break-inside: avoid; }
  .scores th, .scores td { padding: .15rem .3rem; } }
"""
