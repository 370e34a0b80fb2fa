/** A key as it is drawn: its place in the layout's units (4 are the width of a letter key) and two lines of text. */
export interface DrawnKey {
  x: number;
  y: number;
  w: number;
  h: number;
  top: string;
  bottom: string;
}

/** Characters a unit is wide; a letter key of 4 units gets 5 characters and a border. */
const unitWidth = 1.5;
/** Lines a unit is high: 4 units are two lines of text and a border. */
const unitHeight = 0.75;

const up = 1;
const down = 2;
const left = 4;
const right = 8;
/** The character that has strokes in just these directions, by their sum. */
const strokes = " ╵╷│╴┘┐┤╶└┌├─┴┬┼";

/** Draws a board as text: a box a key, its borders shared with the neighbours'. */
export function drawBoard(keys: readonly DrawnKey[]): string {
  const originX = Math.min(...keys.map((key) => key.x));
  const originY = Math.min(...keys.map((key) => key.y));
  const canvas = new Canvas();
  for (const key of keys) {
    const x = Math.round((key.x - originX) * unitWidth);
    const y = Math.round((key.y - originY) * unitHeight);
    const width = Math.round((key.x - originX + key.w) * unitWidth) - x;
    const height = Math.round((key.y - originY + key.h) * unitHeight) - y;
    canvas.box(x, y, width, height);
    canvas.text(x + 1, y + 1, key.top, width - 1);
    canvas.text(x + 1, y + 2, key.bottom, width - 1);
  }
  return canvas.toString();
}

class Canvas {
  readonly #lines: number[][] = [];
  readonly #texts: string[][] = [];

  box(x: number, y: number, width: number, height: number): void {
    for (let column = 0; column <= width; column++) {
      const stroke = (column > 0 ? left : 0) | (column < width ? right : 0);
      this.#stroke(x + column, y, stroke);
      this.#stroke(x + column, y + height, stroke);
    }
    for (let row = 0; row <= height; row++) {
      const stroke = (row > 0 ? up : 0) | (row < height ? down : 0);
      this.#stroke(x, y + row, stroke);
      this.#stroke(x + width, y + row, stroke);
    }
  }

  /** Centred in its width, cut where it is longer. */
  text(x: number, y: number, text: string, width: number): void {
    const shown = [...text].slice(0, width);
    const from = x + Math.floor((width - shown.length) / 2);
    this.#texts[y] ??= [];
    for (const [index, character] of shown.entries()) this.#texts[y][from + index] = character;
  }

  toString(): string {
    return this.#lines
      .map((line, y) =>
        Array.from(line, (stroke, x) => this.#texts[y]?.[x] ?? strokes[stroke ?? 0] ?? " ").join(""),
      )
      .join("\n");
  }

  #stroke(x: number, y: number, stroke: number): void {
    this.#lines[y] ??= [];
    this.#lines[y][x] = (this.#lines[y][x] ?? 0) | stroke;
  }
}
