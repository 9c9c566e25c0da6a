import type { Reply } from './operation.ts';
import type { XmlNode } from './xml.ts';

/** 200 with a document. */
export function xmlReply(
  root: string,
  content: XmlNode | string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { status: 200, headers, xml: { root, content } };
}

export function emptyReply(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  data?: Reply['data'],
): Reply {
  return { status, headers, ...(data !== undefined && { data }) };
}
