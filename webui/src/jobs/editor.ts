// CodeMirror for the scripts of jobs; loaded when the first one is shown.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  StreamLanguage,
  syntaxHighlighting,
} from "@codemirror/language";
import { octave } from "@codemirror/legacy-modes/mode/octave";
import { shell } from "@codemirror/legacy-modes/mode/shell";
import { EditorState, type Extension } from "@codemirror/state";
import {
  Decoration,
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
  MatchDecorator,
  placeholder,
  ViewPlugin,
  type DecorationSet,
  type ViewUpdate,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Language } from "../core/types-jobs";
import { patternOf } from "./references";

const LANGUAGES: Record<Language, () => Extension> = {
  bash: () => StreamLanguage.define(shell),
  python: () => python(),
  matlab: () => StreamLanguage.define(octave),
};

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.definition(tags.variableName), tags.className], color: "var(--code-name)" },
]);

const look = EditorView.theme({
  "&": { backgroundColor: "var(--raised)", fontSize: "12px", maxHeight: "min(60vh, 560px)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5", overflow: "auto" },
  ".cm-content": { caretColor: "var(--text)", minHeight: "84px" },
  ".cm-gutters": { backgroundColor: "var(--raised)", color: "var(--faint)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "var(--hover)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "& .cm-selectionBackground, &.cm-focused .cm-selectionBackground": {
    backgroundColor: "var(--code-selection) !important",
  },
  ".cm-matchingBracket": { backgroundColor: "var(--line-strong) !important" },
  ".cm-placeholder": { color: "var(--muted)", whiteSpace: "pre" },
  ".cm-reference, .cm-reference *": { color: "var(--accent-text)", fontWeight: "600" },
});

/** References such as $f1 stand out: each of them is a row below the code. */
function references(language: Language): Extension {
  const matcher = new MatchDecorator({
    regexp: patternOf(language),
    decoration: Decoration.mark({ class: "cm-reference" }),
  });
  return ViewPlugin.fromClass(
    class {
      decorations: DecorationSet;
      constructor(view: EditorView) {
        this.decorations = matcher.createDeco(view);
      }
      update(update: ViewUpdate): void {
        this.decorations = matcher.updateDeco(update, this.decorations);
      }
    },
    { decorations: (plugin) => plugin.decorations },
  );
}

export interface Editor {
  /** Show another text, without telling of it. */
  put: (text: string) => void;
  focus: () => void;
  destroy: () => void;
}

export function createEditor(
  parent: HTMLElement,
  options: {
    text: string;
    language: Language;
    label: string;
    hint: string;
    onchange: (text: string) => void;
  },
): Editor {
  let quiet = false;
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        highlightActiveLine(),
        indentUnit.of("    "),
        LANGUAGES[options.language](),
        references(options.language),
        syntaxHighlighting(colours),
        look,
        placeholder(options.hint),
        EditorView.contentAttributes.of({
          "aria-label": options.label,
          spellcheck: "false",
          autocapitalize: "off",
        }),
        // Tab indents; after Esc it leaves the editor.
        keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !quiet) options.onchange(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    put(text) {
      if (text === view.state.doc.toString()) return;
      quiet = true;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
      quiet = false;
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}
