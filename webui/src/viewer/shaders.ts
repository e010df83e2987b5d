// GLSL of the 2D engine and how it is compiled: one pass per layer, cheap enough for software GL.

export const VERTEX = `#version 300 es
uniform vec3 u_origin;
uniform vec3 u_right;
uniform vec3 u_up;
out vec3 v_tex;
void main() {
  vec2 p = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  v_tex = u_origin + p.x * u_right + p.y * u_up;
  gl_Position = vec4(p * 2.0 - 1.0, 0.0, 1.0);
}`;

const HEAD = `#version 300 es
precision highp float;
precision highp sampler3D;
uniform sampler3D u_volume;
uniform vec3 u_size;
uniform float u_opacity;
in vec3 v_tex;
out vec4 o_color;
bool outside(vec3 t) { return any(lessThan(t, vec3(0.0))) || any(greaterThan(t, vec3(1.0))); }
vec3 centre(vec3 t) { return (floor(t * u_size) + 0.5) / u_size; }
`;

/** Grey values: window, gamma, colour table, thresholds. */
export const SCALAR = `${HEAD}
uniform sampler2D u_table;
uniform vec2 u_scale;
uniform vec2 u_limits;
uniform float u_gamma;
uniform vec2 u_threshold;
uniform bool u_nearest;
void main() {
  if (outside(v_tex)) discard;
  float value = texture(u_volume, u_nearest ? centre(v_tex) : v_tex).r * u_scale.x + u_scale.y;
  if (!(value >= u_threshold.x && value <= u_threshold.y)) discard;
  float x = clamp((value - u_limits.x) * u_limits.y, 0.0, 1.0);
  if (u_gamma != 1.0) x = pow(x, u_gamma);
  vec4 color = texture(u_table, vec2(x * (255.0 / 256.0) + 0.5 / 256.0, 0.5));
  o_color = vec4(color.rgb, color.a * u_opacity);
}`;

/** Colour images are shown as they are stored. */
export const COLOUR = `${HEAD}
uniform bool u_nearest;
void main() {
  if (outside(v_tex)) discard;
  vec3 color = texture(u_volume, u_nearest ? centre(v_tex) : v_tex).rgb;
  o_color = vec4(color, u_opacity);
}`;

/** Labels: nearest voxel, one colour per label, an outline where a neighbouring pixel differs. */
export const LABELS = `${HEAD}
uniform sampler2D u_table;
uniform vec2 u_scale;
uniform vec3 u_dx;
uniform vec3 u_dy;
uniform float u_outline;
float label(vec3 t) {
  if (outside(t)) return 0.0;
  return floor(texture(u_volume, centre(t)).r * u_scale.x + u_scale.y + 0.5);
}
void main() {
  float here = label(v_tex);
  if (here < 0.5) discard;
  float index = here < 256.0 ? here : 1.0 + mod(here - 1.0, 255.0);
  vec4 color = texture(u_table, vec2((index + 0.5) / 256.0, 0.5));
  float alpha = u_opacity;
  if (u_outline > 0.0) {
    bool edge = label(v_tex + u_dx) != here || label(v_tex - u_dx) != here
      || label(v_tex + u_dy) != here || label(v_tex - u_dy) != here;
    if (edge) alpha = u_outline;
  }
  o_color = vec4(color.rgb, color.a * alpha);
}`;

export interface Program {
  handle: WebGLProgram;
  at: (name: string) => WebGLUniformLocation | null;
}

function compile(gl: WebGL2RenderingContext, type: number, source: string): WebGLShader {
  const shader = gl.createShader(type)!;
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

/** Compile and link; an error names the driver's complaint. */
export function link(gl: WebGL2RenderingContext, fragment: string): Program {
  const handle = gl.createProgram();
  const shaders = [
    compile(gl, gl.VERTEX_SHADER, VERTEX),
    compile(gl, gl.FRAGMENT_SHADER, fragment),
  ];
  for (const shader of shaders) gl.attachShader(handle, shader);
  gl.linkProgram(handle);
  if (!gl.getProgramParameter(handle, gl.LINK_STATUS) && !gl.isContextLost()) {
    const logs = shaders.map((shader) => gl.getShaderInfoLog(shader)).join("\n");
    throw new Error(`Shader: ${gl.getProgramInfoLog(handle) ?? ""} ${logs}`);
  }
  for (const shader of shaders) gl.deleteShader(shader);
  const places = new Map<string, WebGLUniformLocation | null>();
  const at = (name: string): WebGLUniformLocation | null => {
    if (!places.has(name)) places.set(name, gl.getUniformLocation(handle, name));
    return places.get(name) ?? null;
  };
  return { handle, at };
}
