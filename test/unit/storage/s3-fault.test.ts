import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { FAULT_MAX_BYTES, isBlank, parseS3Fault } from "../../../src/storage/s3-fault.js";

const parse = (text: string): unknown => parseS3Fault(utf8(text));

describe("parseS3Fault", () => {
  it.each([
    ["<Error><Code>NoSuchKey</Code></Error>", "NoSuchKey"],
    ["\uFEFF<?xml version='1.0'?>\n<Error>\n <Code> NoSuchKey </Code>\n</Error>\n", "NoSuchKey"],
    ['<Error xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Code>A1</Code></Error>', "A1"],
    ["<Error><Message>&lt;Code&gt;No&lt;/Code&gt;</Message><Code>Yes</Code></Error>", "Yes"],
  ])("%j has a code", (text, code) => {
    expect(parse(text)).toEqual({ code, serverTimeMs: null });
  });

  it.each([
    "",
    "NoSuchKey",
    "<html><Code>NoSuchKey</Code></html>",
    "<Errors><Code>NoSuchKey</Code></Errors>",
    "<Error><Code>NoSuchKey</Code>",
    "<Error><Code>NoSuchKey</Error>",
    "<Error><Code></Code></Error>",
    "<Error><Code>No Such Key</Code></Error>",
    "<Error><Code>1NoSuchKey</Code></Error>",
    "<Error><code>NoSuchKey</code></Error>",
    `<Error><Code>${"x".repeat(65)}</Code></Error>`,
    "<Error><Code>One</Code><Code>Two</Code></Error>",
    "<Error><Code>One</Code>Two</Code></Error>",
    "<!DOCTYPE html><Error><Code>NoSuchKey</Code></Error>",
    "text before <Error><Code>NoSuchKey</Code></Error>",
    "<Error><Code>NoSuchKey</Code></Error> text after",
    `<Error><Code>NoSuchKey</Code>${" ".repeat(FAULT_MAX_BYTES)}</Error>`,
  ])("%j has none", (text) => {
    expect(parse(text)).toBeNull();
  });

  it("bytes that are no text have none", () => {
    expect(parseS3Fault(new Uint8Array([0xff, 0xfe, 0x00, 0x3c]))).toBeNull();
  });

  it.each([
    ["2026-03-04T05:06:07Z", Date.UTC(2026, 2, 4, 5, 6, 7)],
    ["2026-03-04T05:06:07.250Z", Date.UTC(2026, 2, 4, 5, 6, 7, 250)],
    ["2026-03-04T05:06:07", null],
    ["2026-03-04", null],
    ["2026-13-04T05:06:07Z", null],
    ["Wed, 04 Mar 2026 05:06:07 GMT", null],
    ["1772600767", null],
  ])("the server's time %s", (text, serverTimeMs) => {
    const body = `<Error><Code>RequestTimeTooSkewed</Code><ServerTime>${text}</ServerTime></Error>`;
    expect(parse(body)).toEqual({ code: "RequestTimeTooSkewed", serverTimeMs });
  });

  it("does not take long over any body", () => {
    for (const unit of ["<Error>", "</Error>", "<Code>", "</Error> ", " ", "<?xml ", "<Error "]) {
      expect(parse(unit.repeat(Math.floor(FAULT_MAX_BYTES / unit.length)))).toBeNull();
    }
  });
});

describe("isBlank", () => {
  it("white space is nothing to read", () => {
    for (const text of ["", " ", "\r\n\t"]) expect(isBlank(utf8(text))).toBe(true);
    for (const text of ["x", " x", "\u0000", "\u00a0"]) expect(isBlank(utf8(text))).toBe(false);
  });
});
