import { execFileSync } from "node:child_process";

/** Whom a daemon that root starts becomes, or null where this is not root and it stays who it is. */
export function debianUser(name: string): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string): number => Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}
