import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PipelineGraph } from '../../lib/graph/graph.ts';
import { graphOf } from '../../lib/graph/graph.ts';
import { toMermaid } from '../../lib/graph/mermaid.ts';
import { anyPipeline, branch, job, literal, map, pipeline, ref } from './sample.ts';

const daily = graphOf(
  pipeline([
    job('extract'),
    job('clean', ['extract'], { when: literal(true) }),
    branch(
      'check',
      { kind: 'call', name: 'gt', arguments: [ref('clean', 'bad'), literal(0)] },
      [job('quarantine', ['clean'])],
      [],
    ),
    map('convert', ref('clean', 'files'), [job('one'), job('two', ['one'])]),
    job('publish', ['convert'], { after: ['check'] }),
  ]),
);

describe('toMermaid', () => {
  test('writes jobs, groups and both kinds of edges', () => {
    expect(toMermaid(daily)).toBe(`flowchart TB
    extract["extract"]
    clean{{"clean"}}
    subgraph check["check#58; if clean.bad #62; 0"]
        subgraph check_yes["yes"]
            quarantine["quarantine"]
        end
        subgraph check_no["no"]
            check_no_none(["nothing runs"])
        end
    end
    subgraph convert["convert#58; each of clean.files"]
        one["one"]
        two["two"]
        one --> two
    end
    publish["publish"]
    extract --> clean
    clean --> check
    clean --> convert
    convert --> publish
    check -.-> publish
`);
  });

  test('writes direction and status, with a sign and a word for each', () => {
    const status = (id: string) => (id === 'a' || id === 'c' ? 'completed' : id === 'b' ? 'failed' : undefined);
    const drawn = graphOf(pipeline([job('a'), job('b', ['a']), job('c', ['a']), job('d', ['b'])]));
    expect(toMermaid(drawn, { direction: 'LR', status })).toBe(`flowchart LR
    a["a<br/>✓ completed"]
    b["b<br/>✗ failed"]
    c["c<br/>✓ completed"]
    d["d"]
    a --> b
    a --> c
    b --> d
    classDef completed fill:#dcfce7,stroke:#15803d,color:#14532d
    classDef failed fill:#fee2e2,stroke:#b91c1c,color:#7f1d1d
    class a,c completed
    class b failed
`);
  });

  test('gives hostile ids plain names of their own and shows them harmlessly', () => {
    const ids = [
      'end',
      'a-b',
      'a_b',
      'a b',
      '9',
      '',
      '日本',
      'x"] --> y["',
      'direction TB',
      '__proto__',
      'check_yes',
      'p\n%%{init: {}}%%',
      '\u202Eevil\u0007',
    ];
    expect(toMermaid(graphOf(pipeline(ids.map((id) => job(id)))))).toBe(`flowchart TB
    n_end["end"]
    n_a_b["a-b"]
    a_b["a_b"]
    n_a_b_2["a b"]
    n_9["9"]
    n["#160;"]
    n_2["日本"]
    n_x_y["x#34;#93; --#62; y#91;#34;"]
    n_direction_TB["#100;irection TB"]
    n__proto["__proto__"]
    n_check_yes_n["check_yes"]
    n_p_init["p#65533;#37;#37;#123;init#58; #123;#125;#125;#37;#37;"]
    n__evil["#65533;evil#65533;"]
`);
  });

  test('every line of any pipeline is one of the forms it writes', () => {
    const label = String.raw`"(?:[\p{L}\p{N} _.,=+≠≥≤×−…-]|#\d+;)*"`;
    const line = new RegExp(
      `^(?:flowchart TB| +(?:\\w+\\[${label}\\]|\\w+\\{\\{${label}\\}\\}|\\w+\\(\\["nothing runs"\\]\\)|subgraph \\w+\\[${label}\\]|end|\\w+ (?:-->|-\\.->) \\w+))$`,
      'u',
    );
    fc.assert(
      fc.property(anyPipeline, (ir) => {
        const strays = toMermaid(graphOf(ir))
          .trimEnd()
          .split('\n')
          .filter((text) => !line.test(text));
        expect(strays).toStrictEqual([]);
      }),
    );
  });

  test('no two nodes share a name', () => {
    const names = (graph: PipelineGraph) =>
      [...toMermaid(graph).matchAll(/^ +(?:subgraph )?(\w+)(?:\[|\{|\()/gm)].map(([, name]) => name);
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 8 }), { maxLength: 30 }), (ids) => {
        const found = names(graphOf(pipeline(ids.map((id) => job(id)))));
        expect(new Set(found).size).toBe(ids.length);
      }),
    );
  });
});
