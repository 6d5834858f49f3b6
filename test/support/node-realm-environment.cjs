const v8 = require('node:v8');
const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

// onnxruntime's native code returns typed arrays of the host realm; jest's vm context has its own classes (microsoft/onnxruntime#16622).
const SHARED = [
  'ArrayBuffer',
  'SharedArrayBuffer',
  'Float32Array',
  'Float64Array',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'BigInt64Array',
  'BigUint64Array',
];

/** Gives tests a plain global object: jest's own asks a proxy for each `Math` and `Buffer`, and code that computes is several times slower. */
function withPlainGlobal(construct) {
  const { createContext } = vm;
  vm.createContext = () => createContext(vm.constants.DONT_CONTEXTIFY);
  try {
    return construct();
  } finally {
    vm.createContext = createContext;
  }
}

/** What `leanWorkflows` changes of Node.js itself; the next test file runs in the same process. */
const { createHook } = v8.promiseHooks;
const { runInContext } = vm.Script.prototype;

module.exports = class extends TestEnvironment {
  constructor(config, context) {
    withPlainGlobal(() => super(config, context));
    for (const name of SHARED) this.global[name] = globalThis[name];
  }

  async teardown() {
    v8.promiseHooks.createHook = createHook;
    vm.Script.prototype.runInContext = runInContext;
    await super.teardown();
  }
};
