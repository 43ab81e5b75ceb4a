const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/chat`);
const form = document.querySelector('form');

socket.onmessage = ({ data }) => {
  const line = document.createElement('li');
  line.textContent = data;
  document.querySelector('ol').append(line);
};

form.onsubmit = (event) => {
  event.preventDefault();
  socket.send(form.words.value);
  form.reset();
};
