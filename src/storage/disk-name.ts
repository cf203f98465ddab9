// CON, PRN, AUX, NUL, COM1 to COM9 and LPT1 to LPT9, also before an extension; paths of the layout are lower case.
const DEVICE = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\.|$)/;

/**
 * The file name of one segment of a layout path. A segment that Windows would take for a device gets a leading `!`,
 * which no segment of the layout has (M1). It is so on every system, so that a tree can be copied between them.
 */
export function diskName(segment: string): string {
  return DEVICE.test(segment) ? `!${segment}` : segment;
}
