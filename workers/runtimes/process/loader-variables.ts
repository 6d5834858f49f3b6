/**
 * Variables by which loaders, shells and interpreters find what they run, or write where they are told: who sets one runs what he likes,
 * whatever the allowlist says. Each by its name: applications have names like `LD_SDK_KEY` and `ENV` (which only interactive shells read).
 * HOME is one because Python, Node.js and others load modules from below it.
 * From the manuals ld.so(8), bash(1), node(1), python(1), perlrun(1), ruby(1), java(1), lua(1), openssl-env(7).
 */
const names = new Set([
  ...['PATH', 'HOME', 'GCONV_PATH', 'LOCPATH', 'GLIBC_TUNABLES', 'CUDA_INJECTION64_PATH'],
  ...['LD_PRELOAD', 'LD_LIBRARY_PATH', 'LD_AUDIT', 'LD_ORIGIN_PATH'],
  ...['LD_DEBUG_OUTPUT', 'LD_PROFILE', 'LD_PROFILE_OUTPUT'],
  ...['BASH_ENV', 'IFS', 'SHELLOPTS', 'BASHOPTS', 'PS4', 'PROMPT_COMMAND'],
  ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_REPL_EXTERNAL_MODULE', 'NODE_COMPILE_CACHE'],
  ...['PYTHONPATH', 'PYTHONHOME', 'PYTHONSTARTUP', 'PYTHONUSERBASE', 'PYTHONEXECUTABLE', 'PYTHONPLATLIBDIR'],
  ...['PYTHONBREAKPOINT', 'PYTHONPYCACHEPREFIX', 'PYTHONWARNINGS', 'PYTHONINSPECT'],
  ...['PERL5LIB', 'PERLLIB', 'PERL5OPT', 'PERL5DB', 'RUBYLIB', 'RUBYOPT', 'CLASSPATH'],
  ...['JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS'],
  ...['OPENSSL_CONF', 'OPENSSL_MODULES', 'OPENSSL_ENGINES'],
]);

/** macOS's loader and functions of bash; those of Lua may end with its version. */
const families = /^(DYLD_|BASH_FUNC_|LUA_(PATH|CPATH|INIT)(_\d+_\d+)?$)/;

export function choosesCode(name: string): boolean {
  return names.has(name) || families.test(name);
}
