import { crc32, deflateSync } from "node:zlib";
import { concatBytes, utf8 } from "../../bytes/bytes.js";

const SIZE = 64;
const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const BIT_DEPTH = 8;
const TRUE_COLOR = 2;

/** A PNG file of 64 x 64 pixels: an anchor in a sea that darkens downwards. */
export function createPicture(): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, SIZE);
  view.setUint32(4, SIZE);
  header.set([BIT_DEPTH, TRUE_COLOR], 8);
  // Each row begins with its filter: none.
  const rows = new Uint8Array(SIZE * (1 + SIZE * 3));
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) rows.set(colorAt(x, y), y * (1 + SIZE * 3) + 1 + x * 3);
  }
  return concatBytes(
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", new Uint8Array()),
  );
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = concatBytes(utf8(type), data);
  const framed = new Uint8Array(body.length + 8);
  const view = new DataView(framed.buffer);
  view.setUint32(0, data.length);
  framed.set(body, 4);
  view.setUint32(body.length + 4, crc32(body));
  return framed;
}

function colorAt(x: number, y: number): readonly [red: number, green: number, blue: number] {
  if (isAnchor(x + 0.5, y + 0.5)) return [245, 240, 225];
  const depth = y / (SIZE - 1);
  return [Math.round(40 - 30 * depth), Math.round(150 - 90 * depth), Math.round(190 - 80 * depth)];
}

function isAnchor(x: number, y: number): boolean {
  const fromRing = Math.hypot(x - 32, y - 12);
  const fromCrown = Math.hypot(x - 32, y - 34);
  const isRing = fromRing >= 3.5 && fromRing <= 6.5;
  const isShank = Math.abs(x - 32) <= 2 && y >= 18 && y <= 54;
  const isStock = Math.abs(y - 24) <= 1.8 && Math.abs(x - 32) <= 10;
  const isArms = fromCrown >= 18 && fromCrown <= 22 && y >= 40;
  const isFluke = Math.abs(Math.abs(x - 32) - 18.5) <= (y - 33) * 0.75 && y >= 33 && y <= 41;
  return isRing || isShank || isStock || isArms || isFluke;
}
