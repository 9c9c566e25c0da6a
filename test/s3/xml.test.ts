import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { S3Error } from '../../src/s3/errors.ts';
import {
  childrenNamed,
  escapeXml,
  optionalText,
  parseXml,
  requiredText,
  xml,
  xmlElement,
} from '../../src/s3/xml.ts';

const parse = (text: string | Uint8Array, maxBytes?: number) =>
  parseXml(text, { root: 'a', ...(maxBytes === undefined ? {} : { maxBytes }) });

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof S3Error) return error.code;
    throw error;
  }
  return 'none';
}

describe('writing', () => {
  it('puts the declaration first and the S3 namespace on the root', () => {
    expect(xml('ListPartsResult', { Bucket: 'b', Key: '' })).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><Key></Key></ListPartsResult>',
    );
  });

  it('takes text for a root that has no children', () => {
    expect(xmlElement('LocationConstraint', 'eu&west')).toBe(
      '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu&amp;west</LocationConstraint>',
    );
  });

  it('leaves the namespace out where asked', () => {
    expect(xmlElement('Error', { Code: 'NoSuchKey' }, { namespace: false })).toBe(
      '<Error><Code>NoSuchKey</Code></Error>',
    );
  });

  it('repeats arrays, omits undefined, writes numbers, booleans, dates, attributes and nested elements', () => {
    expect(
      xmlElement(
        'R',
        {
          N: 1,
          T: true,
          Missing: undefined,
          D: new Date(999),
          Part: [{ PartNumber: 1 }, { PartNumber: 2 }],
          None: [],
          Grantee: { '@xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance', '@xsi:type': 'A"B', ID: 'x' },
        },
        { namespace: false },
      ),
    ).toBe(
      '<R><N>1</N><T>true</T><D>1970-01-01T00:00:00.000Z</D><Part><PartNumber>1</PartNumber></Part><Part><PartNumber>2</PartNumber></Part><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="A&quot;B"><ID>x</ID></Grantee></R>',
    );
  });

  it('escapes markup, carriage returns and what XML 1.0 cannot hold', () => {
    expect(escapeXml('<a href="x">&\'\r\n\t\u0001\uffff😀')).toBe(
      "&lt;a href=&quot;x&quot;&gt;&amp;'&#13;\n\t&#x1;&#xffff;😀",
    );
  });

  it('is read back as it was written, whatever the text', () => {
    const legal = fc.string({ unit: 'binary' }).filter((text) => !escapeXml(text).includes('&#x'));
    fc.assert(
      fc.property(legal, (text) => {
        expect(requiredText(parse(xml('a', { Key: text })), 'Key')).toBe(text);
      }),
    );
  });
});

describe('reading', () => {
  it.each([
    ['no namespace', '<a><b>1</b></a>'],
    ['the default namespace', '<a xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><b>1</b></a>'],
    ['a prefix', '<s3:a xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/"><s3:b>1</s3:b></s3:a>'],
    ['declaration, comments and white space', '<?xml version="1.0"?>\n<!-- x -->\n<a>\n  <b>1</b>\n</a>\n'],
    ['CDATA', '<a><b><![CDATA[1]]></b></a>'],
    ['a byte order mark', '\ufeff<a><b>1</b></a>'],
  ])('accepts %s', (_, text) => {
    expect(optionalText(parse(Buffer.from(text)), 'b')).toBe('1');
  });

  it('keeps attributes by their local name', () => {
    const root = parse('<a xmlns:xsi="u" xsi:type="Group" id="7"/>');
    expect([...root.attributes]).toEqual([
      ['type', 'Group'],
      ['id', '7'],
    ]);
  });

  it('keeps white space inside text', () => {
    expect(optionalText(parse('<a><Key> x&#13;&#10; </Key></a>'), 'Key')).toBe(' x\r\n ');
  });

  it('takes names of the prototype as ordinary names', () => {
    const root = parse('<a><__proto__>1</__proto__><constructor>2</constructor><toString/></a>');
    expect(root.children.map((child) => child.name)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(optionalText(root, 'valueOf')).toBeUndefined();
    expect(childrenNamed(root, '__proto__')).toHaveLength(1);
  });

  it.each([
    ['nothing', ''],
    ['white space only', ' \n'],
    ['text', 'hello'],
    ['an unclosed element', '<a><b></a>'],
    ['an end missing', '<a>'],
    ['two roots', '<a/><a/>'],
    ['text after the root', '<a/>x'],
    ['another root', '<b/>'],
    ['an attribute without quotes', '<a b=1/>'],
    ['an attribute twice', '<a b="1" b="2"/>'],
    ['an unknown entity', '<a>&nbsp;</a>'],
    ['a bare ampersand', '<a>x & y</a>'],
    ['a control character', '<a>\u0001</a>'],
    ['a reference to one', '<a>&#1;</a>'],
    ['a reference to a surrogate', '<a>&#xD800;</a>'],
    ['a prefix that was never declared', '<x:a/>'],
    ['a DOCTYPE', '<!DOCTYPE a><a/>'],
    ['an external entity', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'],
    [
      'a billion laughs',
      '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;">]><a>&y;</a>',
    ],
    ['33 levels', `${'<a>'.repeat(33)}${'</a>'.repeat(33)}`],
    ['100,001 elements', `<a>${'<b/>'.repeat(100_000)}</a>`],
  ])('refuses %s as MalformedXML', (_, text) => {
    expect(codeOf(() => parse(text))).toBe('MalformedXML');
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(codeOf(() => parse(Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e])))).toBe(
      'MalformedXML',
    );
  });

  it('refuses a body above the limit before it parses', () => {
    expect(codeOf(() => parse('<a>12345</a>', 11))).toBe('MaxMessageLengthExceeded');
    expect(codeOf(() => parse('<a>1234</a>', 11))).toBe('none');
  });

  it('refuses a single child given twice', () => {
    expect(codeOf(() => requiredText(parse('<a><b>1</b><b>2</b></a>'), 'b'))).toBe('MalformedXML');
    expect(codeOf(() => requiredText(parse('<a/>'), 'b'))).toBe('MalformedXML');
  });

  it.each([
    ['attributes', `<a ${Array.from({ length: 33 }, (_, i) => `b${i}=""`).join(' ')}/>`],
    ['namespaces', `<a ${Array.from({ length: 33 }, (_, i) => `xmlns:b${i}="c"`).join(' ')}/>`],
    ['comments', `${`<!--${'-x'.repeat(20_000)}-->`.repeat(2)}<a/>`],
    ['an endless comment', `<!--${'-x'.repeat(40_000)}`],
    ['processing instructions', `<a/><?x ${'?x'.repeat(40_000)}?>`],
    ['CDATA', `<a><![CDATA[${']x'.repeat(1_100_000)}]]></a>`],
    ['carriage returns', `<a>${'\r'.repeat(250_001)}</a>`],
  ])('refuses more %s than any client sends: they would take seconds', (_, text) => {
    expect(codeOf(() => parse(text, 8 * 1024 * 1024))).toBe('MalformedXML');
  });

  it('takes as many as a client may send', () => {
    const attributes = Array.from({ length: 32 }, (_, i) => `b${i}=""`).join(' ');
    expect(parse(`<!-- c --><?x y?><a ${attributes}><![CDATA[<&]]></a>`).text).toBe('<&');
    const siblings = `<b ${attributes}/>`.repeat(10);
    expect(parse(`<a>${siblings}</a>`).children).toHaveLength(10);
  });

  it('throws nothing but S3Error, whatever it is fed', () => {
    const tokens = fc.constantFrom(
      '<a>', '</a>', '<b x="1"', '/>', '>', '<!--', '-->', '<![CDATA[', ']]>', '<?x', '?>', '<!DOCTYPE', '[', ']',
      '&amp;', '&#', ';', '"', "'", 'xmlns:', ' ', 'é', '\u0000', '\ud800', '<?xml version="1.0"?>',
    ); // biome-ignore format: one list
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.array(tokens).map((all) => all.join('')),
        ),
        (body) => {
          expect(['none', 'MalformedXML']).toContain(codeOf(() => parse(body)));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
