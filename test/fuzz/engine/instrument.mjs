// A loader of modules for fuzzing: compiles TypeScript, and puts a counter into every branch of
// what is fuzzed (lib/ and the lobby), as -fsanitize-coverage does it for C++. `pollport` is lib/
// here. Does not depend on targets.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = new URL('../../../', import.meta.url).href
// The targets too: the same branches distinguish what they expect.
const counted = ['lib/', 'examples/lobby/', 'test/fuzz/'].map((folder) => root + folder)
const options = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  inlineSourceMap: true
}

export function resolve(specifier, context, next) {
  return next(specifier === 'pollport' ? `${root}lib/index.ts` : specifier, context)
}

export async function load(url, context, next) {
  if (!url.startsWith(root) || !url.endsWith('.ts')) return next(url, context)
  const transformers = counted.some((folder) => url.startsWith(folder))
    ? { before: [withCounters] }
    : {}
  const text = await readFile(new URL(url), 'utf8')
  const { outputText } = ts.transpileModule(text, {
    fileName: fileURLToPath(url),
    compilerOptions: options,
    transformers
  })
  return { format: 'module', shortCircuit: true, source: outputText }
}

/**
 * Counts each function, each arm of a choice (the missing else too), each round of a loop, and each
 * right side of && || ??.
 */
function withCounters({ factory }) {
  return (file) => {
    let counters = 0
    const count = () => {
      const counter = factory.createElementAccessExpression(
        factory.createIdentifier('$counters'),
        counters++
      )
      return factory.createPostfixIncrement(counter)
    }
    const statement = () => factory.createExpressionStatement(count())
    const inBlock = (body) =>
      factory.createBlock(
        [statement(), ...(body === undefined ? [] : ts.isBlock(body) ? body.statements : [body])],
        true
      )
    const before = (expression) =>
      factory.createParenthesizedExpression(factory.createComma(count(), expression))
    const isChoice = (kind) =>
      kind === ts.SyntaxKind.AmpersandAmpersandToken ||
      kind === ts.SyntaxKind.BarBarToken ||
      kind === ts.SyntaxKind.QuestionQuestionToken
    const visit = (original) => {
      const node = ts.visitEachChild(original, visit, undefined)
      if (ts.isBlock(node) && ts.isFunctionLike(original.parent)) return inBlock(node)
      if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) {
        const { modifiers, typeParameters, parameters, type, equalsGreaterThanToken, body } = node
        return factory.updateArrowFunction(
          node,
          modifiers,
          typeParameters,
          parameters,
          type,
          equalsGreaterThanToken,
          before(body)
        )
      }
      if (ts.isIfStatement(node))
        return factory.updateIfStatement(
          node,
          node.expression,
          inBlock(node.thenStatement),
          inBlock(node.elseStatement)
        )
      if (ts.isForStatement(node))
        return factory.updateForStatement(
          node,
          node.initializer,
          node.condition,
          node.incrementor,
          inBlock(node.statement)
        )
      if (ts.isForOfStatement(node))
        return factory.updateForOfStatement(
          node,
          node.awaitModifier,
          node.initializer,
          node.expression,
          inBlock(node.statement)
        )
      if (ts.isWhileStatement(node))
        return factory.updateWhileStatement(node, node.expression, inBlock(node.statement))
      if (ts.isCaseClause(node))
        return factory.updateCaseClause(node, node.expression, [statement(), ...node.statements])
      if (ts.isDefaultClause(node))
        return factory.updateDefaultClause(node, [statement(), ...node.statements])
      if (ts.isCatchClause(node))
        return factory.updateCatchClause(node, node.variableDeclaration, inBlock(node.block))
      if (ts.isConditionalExpression(node))
        return factory.updateConditionalExpression(
          node,
          node.condition,
          node.questionToken,
          before(node.whenTrue),
          node.colonToken,
          before(node.whenFalse)
        )
      if (ts.isBinaryExpression(node) && isChoice(node.operatorToken.kind))
        return factory.updateBinaryExpression(
          node,
          node.left,
          node.operatorToken,
          before(node.right)
        )
      return node
    }
    const visited = ts.visitEachChild(file, visit, undefined)
    const take = ts.factory.createCallExpression(
      factory.createIdentifier('takeCounters'),
      undefined,
      [factory.createNumericLiteral(counters)]
    )
    const declaration = factory.createVariableStatement(
      undefined,
      factory.createVariableDeclarationList(
        [factory.createVariableDeclaration('$counters', undefined, undefined, take)],
        ts.NodeFlags.Const
      )
    )
    return factory.updateSourceFile(visited, [declaration, ...visited.statements])
  }
}
